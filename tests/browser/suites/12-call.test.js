import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appointment, enterCall, letIn, professional, seeEachOther } from '../lib/clinic.js'
import { tab } from '../lib/desk.js'
import { linkSent } from '../lib/mail.js'
import { enterCall as enterRoom, joinLink, violations } from '../lib/pages.js'
import { toWaitingRoom } from '../lib/patient.js'
import { button, see, seeHeading } from '../lib/press.js'
import { identityOf, keepSockets, lineCarries, onlyRoom, transcriber } from '../lib/rooms.js'
import { until } from '../lib/wait.js'
import { startWorld } from '../lib/world.js'

/** A doctor and a patient in one call, both on pages whose sockets are kept. */
async function inCall(world) {
  const doctor = await professional(world)
  await appointment(doctor, { email: 'anne@maison.example' })
  const anne = await world.onPhone(await linkSent(world.server, 'mails', '/c'))
  await toWaitingRoom(anne)
  for (const who of [doctor, anne]) await keepSockets(who)
  await enterCall(doctor)
  await letIn(doctor)
  await seeEachOther([doctor, anne])
  return { doctor, anne, room: await onlyRoom(world) }
}

const heard = ({ page }) => page.getByRole('log').locator('p').allTextContents()
const shown = ({ page }) => page.locator('.captions p').allTextContents()

test('What a program hears in the call is shown under the name of who spoke, is read out once it is final, and can be hidden', { timeout: 300_000 }, async (t) => {
  const world = await startWorld(t)
  const { call, guest: texts } = world.words
  const { doctor, anne, room } = await inCall(world)
  const [owner, patient] = [await identityOf(world, room, 'owner'), await identityOf(world, room, 'patient')]
  assert.equal(await doctor.page.locator('[data-test=captions]').count(), 0, 'no button for what there is not')
  const program = await transcriber(world, room)

  await program.say({ text: 'Je tousse', segment: '1', who: patient, final: false })
  await until('the doctor reads it', async () => (await shown(doctor)).join() === call.captionOf('Anne Lefèvre', 'Je tousse'), { why: doctor.why })
  assert.deepEqual(await heard(doctor), [], 'what may still change is not read out')
  await program.say({ text: 'Je tousse depuis hier.', segment: '1', who: patient })
  await until('it is corrected, and read out', async () => (await heard(doctor)).join() === call.captionOf('Anne Lefèvre', 'Je tousse depuis hier.'), { why: doctor.why })
  assert.equal((await shown(doctor)).length, 1)
  assert.deepEqual(await shown(anne), [], 'nobody reads their own words')
  assert.deepEqual(await violations(doctor.page), [])
  const toggle = doctor.page.locator('[data-test=captions]')
  assert.equal(await toggle.getAttribute('aria-label'), call.captionsHide)
  await toggle.click()
  assert.equal(await toggle.getAttribute('aria-label'), call.captionsShow)

  await program.while({ text: 'Respirez profondément.', segment: '2', who: owner }, async () => {
    await until('the patient reads it', async () => (await shown(anne)).join().includes('Respirez profondément.'), { why: anne.why })
    assert.deepEqual(await violations(anne.page), [])
    assert.ok((await anne.page.locator('.controls button').count()) <= 5, 'as few buttons as before')
    await button(anne, texts.moreLabel).click()
    await anne.page.locator('[data-test=captions-toggle]').click()
    await until('they are hidden', async () => (await shown(anne)).length === 0)
    assert.deepEqual(await violations(anne.page), [])
  })
  await program.say({ text: 'Encore.', segment: '3', who: patient })
  await doctor.page.waitForTimeout(1000)
  assert.deepEqual(await shown(doctor), [], 'hidden stays hidden')
  // The program is at home elsewhere.
  world.noComplaints(/\/rtc/)
})

test('A picture that a line does not carry is told in plain words on both sides, and so is its return', { timeout: 300_000 }, async (t) => {
  const world = await startWorld(t)
  const { call, desk, guest: texts } = world.words
  const { doctor, anne, room } = await inCall(world)
  const [owner, patient] = [await identityOf(world, room, 'owner'), await identityOf(world, room, 'patient')]
  await tab(doctor, desk.quality)
  await lineCarries(world, room, doctor, patient, true)
  await see(doctor, call.pictureStopped('Anne Lefèvre'))
  await doctor.page.locator('.tile .tile-weak', { hasText: call.suspended }).waitFor()
  await see(doctor, desk.reasonsThem.suspended)
  assert.deepEqual(await violations(doctor.page), [])
  await lineCarries(world, room, doctor, patient, false)
  await see(doctor, call.pictureBack('Anne Lefèvre'))
  await doctor.page.getByText(desk.reasonsThem.suspended).waitFor({ state: 'detached' })

  await lineCarries(world, room, anne, owner, true)
  await anne.page.locator('[role=status] [data-test=suspended]', { hasText: texts.pictureStopped }).waitFor()
  assert.deepEqual(await violations(anne.page), [])
  await lineCarries(world, room, anne, owner, false)
  await anne.page.locator('[data-test=suspended]').waitFor({ state: 'detached' })
  world.noComplaints()
})

test('Nothing but the tiles moves when somebody comes and goes', { timeout: 240_000 }, async (t) => {
  const world = await startWorld(t)
  const enter = async (who) => {
    const person = await world.atDesk(new URL(joinLink(world.server, 'visite', who, who)))
    await enterRoom(person.page)
    return person
  }
  const { page } = await enter('anne')
  await enter('bob')
  const tiles = (count) => until(`${count} pictures`, async () => (await page.locator('.tile video').count()) === count)
  await tiles(2)
  // The words for somebody who is alone are gone.
  await page.evaluate(() => {
    window.moved = []
    new PerformanceObserver((list) => {
      for (const { sources } of list.getEntries()) {
        for (const { node } of sources) {
          const element = node instanceof Element ? node : node?.parentElement
          if (element && !element.closest('.people')) window.moved.push(element.outerHTML.slice(0, 120))
        }
      }
    }).observe({ type: 'layout-shift' })
  })
  const boxes = () => page.evaluate(() => [...document.querySelectorAll('.controls button, .call-top button, .stage')].map((each) => JSON.stringify(each.getBoundingClientRect())))
  const before = await boxes()
  const third = await enter('carl')
  await tiles(3)
  assert.deepEqual(await boxes(), before)
  await third.page.click('[data-test=leave]')
  await tiles(2)
  assert.deepEqual(await boxes(), before)
  assert.deepEqual(await page.evaluate('window.moved'), [])
})

test('An address of nothing gets a page that says so, in both languages, and a problem for programs', { timeout: 120_000 }, async (t) => {
  const world = await startWorld(t)
  const { home } = world.words
  const visitor = await world.atDesk('/nulle-part')
  assert.equal(visitor.response.status(), 404)
  await seeHeading(visitor, home.missingPageTitle)
  assert.deepEqual(await violations(visitor.page), [])
  await button(visitor, 'English').click()
  await seeHeading(visitor, 'This page does not exist')
  assert.equal(await visitor.page.getAttribute('html', 'lang'), 'en')
  assert.match(await visitor.page.title(), /^This page does not exist/)
  await visitor.page.getByRole('link', { name: 'Back to the start' }).click()
  await seeHeading(visitor, 'Your video consultation')
  for (const [path, accept] of [['/nulle-part', '*/*'], ['/api/v9/me', 'text/html']]) {
    const answer = await fetch(world.server.http + path, { headers: { accept } })
    assert.equal(answer.status, 404)
    assert.equal(answer.headers.get('content-type'), 'application/problem+json')
    assert.equal((await answer.json()).code, 'not_found')
  }
  world.noComplaints()
})

test('A weak line and a blocked one each get their verdict and a remedy, and can be measured again', { timeout: 180_000 }, async (t) => {
  const world = await startWorld(t)
  const { guest: texts } = world.words
  const phone = await world.onPhone(`${world.server.http}/test`)
  const { page } = phone
  let way = 'slow'
  await page.routeWebSocket(/network-probe/, (socket) => {
    if (way === 'blocked') return void socket.close()
    const server = socket.connectToServer()
    return socket.onMessage((sent) => void setTimeout(() => server.send(sent), way === 'slow' ? 600 : 0))
  })
  await page.reload()
  const allow = page.locator('[data-test=allow]')
  await allow.or(page.locator('.patient-self')).first().waitFor()
  if (await allow.isVisible()) await allow.click()
  await see(phone, texts.networkWeak)
  assert.deepEqual(await violations(page), [])
  way = 'blocked'
  await page.locator('[data-test=network-again]').click()
  await see(phone, texts.networkBad)
  assert.deepEqual(await violations(page), [])
  way = 'good'
  await page.locator('[data-test=network-again]').click()
  await see(phone, texts.networkGood)
})
