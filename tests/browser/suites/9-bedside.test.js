// The patient's side: documents in both directions, payment, and the screens of what goes wrong.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { appointment, endForAll, enterCall, JEANNE, laterThanProposed, letIn, professional, seeEachOther } from '../lib/clinic.js'
import { linkSent } from '../lib/mail.js'
import { violations } from '../lib/pages.js'
import { ask, consultationOf, handOver } from '../lib/papers.js'
import { out } from '../lib/paths.js'
import { atScreen, begin, onward } from '../lib/patient.js'
import { ORDONNANCE, pdf } from '../lib/pdf.js'
import { press, see } from '../lib/press.js'
import { until } from '../lib/wait.js'
import { startWorld } from '../lib/world.js'

const BORN = '02/03/1941'
const ANDROID_APP = 'Mozilla/5.0 (Linux; Android 14; SM-A146B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.0.0 Mobile Safari/537.36'

/** A doctor who asked somebody to come, and the link that was sent. */
async function invited(world, slot = {}, doctor = undefined) {
  const asks = doctor ?? (await professional(world))
  const to = `${Math.random().toString(36).slice(2)}@maison.example`
  await appointment(asks, { email: to, ...slot })
  return { doctor: asks, link: await linkSent(world.server, 'mails', '/c', { to }) }
}

/** Both in the call. */
async function together(world, doctor, link) {
  const anne = await world.onPhone(link)
  await begin(anne)
  await onward(anne, BORN)
  await enterCall(doctor)
  await letIn(doctor)
  await seeEachOther([doctor, anne])
  return anne
}

/** Nothing wider than the window. */
async function fits({ page }) {
  assert.ok(await page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth'), 'the page scrolls sideways')
}

/** A photo larger than the server keeps them: written by the browser, with noise that does not compress. */
async function photo({ page }) {
  const text = await page.evaluate(async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 3400, height: 900 })
    const pen = canvas.getContext('2d')
    const picture = pen.createImageData(3400, 900)
    const dots = new Uint32Array(picture.data.buffer)
    for (let at = 0; at < dots.length; at += 1) dots[at] = 0xff000000 | (at * 7919) % 0xffffff
    pen.putImageData(picture, 0, 0)
    const blob = await new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.95))
    const reader = new FileReader()
    return new Promise((done) => {
      reader.onload = () => done(reader.result.split(',')[1])
      reader.readAsDataURL(blob)
    })
  })
  return Buffer.from(text, 'base64')
}

for (const phone of ['Chromium', 'Firefox']) {
  test(`A document goes each way during the call and is there after it, by the same link (${phone})`, { timeout: 420_000 }, async (t) => {
    const world = await startWorld(t, { phone })
    const { guest: texts, documents: words } = world.words
    const { doctor, link } = await invited(world)
    const consultation = consultationOf(doctor)
    const anne = await together(world, doctor, link)
    const { page } = anne

    await handOver(doctor, consultation, pdf(ORDONNANCE))
    const card = page.locator('[data-test=new-document]')
    await card.getByText(words.categories.prescription).waitFor()
    assert.deepEqual(await violations(page), [])
    await card.locator('[data-test=see]').click()
    await until('the page of the PDF is drawn', () => page.evaluate(() => {
      const canvas = document.querySelector('.viewer canvas')
      const dots = canvas?.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data ?? []
      return dots.some((dot, at) => at % 4 === 0 && dot < 128)
    }), { why: anne.why })
    await page.locator('.pdf-sheet .unseen', { hasText: 'Paracetamol' }).waitFor({ state: 'attached' })
    assert.deepEqual(await violations(page), [])
    await page.locator('[data-test=viewer-close]').click()
    await card.waitFor({ state: 'detached' })

    await page.locator('[data-test=more]').click()
    assert.deepEqual(await violations(page), [])
    if (phone === 'Chromium') {
      const [download] = await Promise.all([page.waitForEvent('download'), page.locator('[data-test=save]').first().click()])
      const saved = join(out, 'bedside-ordonnance.pdf')
      await download.saveAs(saved)
      assert.equal(readFileSync(saved).subarray(0, 5).toString('latin1'), '%PDF-')
    }

    const large = await photo(anne)
    await page.locator('[data-test=file-input]').setInputFiles([
      { name: 'plaie.jpg', mimeType: 'image/jpeg', buffer: large },
      { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('bonjour') },
    ])
    await page.locator('[data-test=sent]', { hasText: 'plaie' }).waitFor({ timeout: 90_000 })
    await see(anne, texts.fileType)
    assert.deepEqual(await violations(page), [])
    const [received] = (await ask(doctor, 'GET', `/api/v1/consultations/${consultation}/documents`)).filter(({ own }) => !own)
    assert.deepEqual([received.category, received.mime, received.state], ['photo', 'image/jpeg', 'available'])
    assert.ok(received.size < large.length, 'a photo that is too large is made smaller')
    await page.keyboard.press('Escape')

    await endForAll(doctor)
    await atScreen(anne, 'end')
    await page.getByText(/Vos documents restent ici jusqu’à/).waitFor()
    await page.locator('[data-test=received]').waitFor()
    assert.deepEqual(await violations(page), [])
    await page.reload()
    await page.locator('[data-test=see-documents]').click()
    await page.locator('[data-test=received] [data-test=see]').click()
    await page.locator('.viewer canvas').waitFor()
    world.noComplaints()
  })
}

test('An amount is paid on the page of the provider in another tab, after a card that was refused, and the call goes on', { timeout: 420_000 }, async (t) => {
  const world = await startWorld(t, { env: { CHEVET_CLINIC__ADMINISTRATORS: JSON.stringify([JEANNE.email]) } })
  const { guest: texts } = world.words
  const doctor = await professional(world)
  await ask(doctor, 'POST', '/api/v1/me/payment-activation', {}, { 'Idempotency-Key': 'activation' })
  const [account] = (await ask(doctor, 'GET', '/api/v1/payment-accounts')).items
  const at = `/api/v1/payment-accounts/${account.id}`
  await ask(doctor, 'PUT', `${at}/credentials`, { provider: 'emulator' }, { 'If-Match': '*' })
  await ask(doctor, 'POST', `${at}/test`, undefined, { 'If-Match': '*' })
  await ask(doctor, 'POST', `${at}/enable`, undefined, { 'If-Match': '*' })
  const { link } = await invited(world, {}, doctor)
  const anne = await together(world, doctor, link)
  const { page } = anne
  await ask(doctor, 'POST', `/api/v1/consultations/${consultationOf(doctor)}/payment-requests`, { amount_cents: 2500 }, { 'Idempotency-Key': 'first' })

  const card = page.locator('[data-test=payment]')
  await card.getByText('25,00').waitFor()
  assert.deepEqual(await violations(page), [])
  const payAt = async (button) => {
    const [shop] = await Promise.all([page.context().waitForEvent('page'), card.locator('[data-test=pay]').click()])
    await shop.getByRole('button', { name: button }).click()
    await shop.waitForURL(/payments\/back/)
    await shop.close()
  }
  await payAt('Refuser la carte')
  await page.locator('[data-test=payment][data-stage=failed]').waitFor()
  await see(anne, texts.payFailed)
  assert.deepEqual(await violations(page), [])
  await payAt('Payer')
  await page.locator('[data-test=payment][data-stage=paid]').getByText(/Payé\s: 25,00\s€ à \d/).waitFor()
  await seeEachOther([doctor, anne])
  await endForAll(doctor)
  await atScreen(anne, 'end')
  await page.locator('[data-test=payment][data-stage=paid]').waitFor()
  assert.deepEqual(await violations(page), [])
})

test('Whoever is early gets a countdown and an entry for the calendar, on a page that weighs little and fits into 320 pixels at any size', { timeout: 240_000 }, async (t) => {
  const world = await startWorld(t)
  const { guest: texts } = world.words
  const doctor = await professional(world)
  const { link } = await invited(world, { start: await laterThanProposed(doctor, 30) }, doctor)
  const early = await world.onPhone(`${world.server.http}/test`)
  const debug = await early.page.context().newCDPSession(early.page)
  await debug.send('Network.enable')
  await debug.send('Network.setCacheDisabled', { cacheDisabled: true })
  let bytes = 0
  debug.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength))
  await early.page.goto(link)
  await atScreen(early, 'too-early')
  await until('nothing is fetched any more', async () => {
    const before = bytes
    await early.page.waitForTimeout(1000)
    return bytes === before
  })
  t.diagnostic(`the page of somebody who is early: ${Math.round(bytes / 1000)} kB`)
  assert.ok(bytes <= 80_000, `${bytes} bytes before the first tap`)
  const left = early.page.locator('.patient-countdown')
  const before = await left.textContent()
  await until('the countdown goes on', async () => (await left.textContent()) !== before)
  const [download] = await Promise.all([early.page.waitForEvent('download'), press(early, texts.addToCalendar)])
  const saved = join(out, 'bedside.ics')
  await download.saveAs(saved)
  assert.match(readFileSync(saved, 'utf8'), /BEGIN:VEVENT/)
  assert.ok(!readFileSync(saved, 'utf8').includes(new URL(link).hash.slice(1)), 'calendars are shared: the secret is not in it')
  await early.page.setViewportSize({ width: 320, height: 640 })
  for (let step = 0; step < 4; step += 1) await early.page.getByRole('button', { name: /^A\+/ }).click()
  await fits(early)
  assert.deepEqual(await violations(early.page), [])
  await press(early, world.words.common.help)
  assert.deepEqual(await violations(early.page), [])
})

test('The window of another application is led to a real browser, with the link at hand', { timeout: 180_000 }, async (t) => {
  const world = await startWorld(t)
  const { guest: texts } = world.words
  const { link } = await invited(world)
  const app = await world.onPhone(link, { userAgent: ANDROID_APP, permissions: ['clipboard-read', 'clipboard-write'] })
  await atScreen(app, 'gate')
  assert.deepEqual(await violations(app.page), [])
  assert.match(await app.page.locator('[data-test=intent]').getAttribute('href'), /^intent:\/\/127\.0\.0\.1:\d+\/c%23.*package=com\.android\.chrome;end$/)
  await app.page.locator('[data-test=copy]').click()
  await see(app, texts.copied)
  assert.equal(await app.page.evaluate('navigator.clipboard.readText()'), link)
})

test('A line that breaks in the waiting room is told and comes back, and whoever waits too long is asked for pardon', { timeout: 240_000 }, async (t) => {
  const world = await startWorld(t)
  const { guest: texts } = world.words
  const { link } = await invited(world)
  const anne = await world.onPhone(`${world.server.http}/test`)
  await anne.page.clock.install()
  await anne.page.goto(link)
  await begin(anne)
  await onward(anne, BORN)
  const back = world.server.crash()
  await see(anne, texts.waitingLost)
  await back
  await anne.page.getByText(texts.waitingLost).waitFor({ state: 'detached' })
  await atScreen(anne, 'waiting')
  await anne.page.clock.fastForward(16 * 60_000)
  await see(anne, texts.apology)
  assert.deepEqual(await violations(anne.page), [])
})

/** Ten seconds of nothing: a microphone whose switch is off. */
function silence() {
  const samples = 8000 * 10
  const wav = Buffer.alloc(44 + samples * 2)
  wav.write('RIFF', 0)
  wav.writeUInt32LE(36 + samples * 2, 4)
  wav.write('WAVEfmt ', 8)
  wav.writeUInt32LE(16, 16)
  wav.writeUInt16LE(1, 20)
  wav.writeUInt16LE(1, 22)
  wav.writeUInt32LE(8000, 24)
  wav.writeUInt32LE(16_000, 28)
  wav.writeUInt16LE(2, 32)
  wav.writeUInt16LE(16, 34)
  wav.write('data', 36)
  wav.writeUInt32LE(samples * 2, 40)
  const path = join(out, 'silence.wav')
  writeFileSync(path, wav)
  return path
}

test('A microphone that says nothing is named before the call and in it', { timeout: 300_000 }, async (t) => {
  const world = await startWorld(t, { phoneWith: { flags: [`--use-file-for-fake-audio-capture=${silence()}`] } })
  const { guest: texts } = world.words
  const { doctor, link } = await invited(world)
  const check = await world.onPhone(`${world.server.http}/test`)
  const [allow, picture] = ['[data-test=allow]', '.patient-self'].map((what) => check.page.locator(what))
  // A browser that knows the answer is not asked.
  await allow.or(picture).first().waitFor()
  if (await allow.isVisible()) await allow.click()
  await see(check, texts.silent)
  assert.deepEqual(await violations(check.page), [])
  await check.page.close()
  const anne = await together(world, doctor, link)
  await anne.page.locator('[data-test=silent]').waitFor()
  assert.deepEqual(await violations(anne.page), [])
})
