import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NO_DEVICES } from '../lib/browsers.js'
import { appointment, askBirthDates, endForAll, enterCall, letIn, professional, seeEachOther } from '../lib/clinic.js'
import { linkSent, passTime } from '../lib/mail.js'
import { violations } from '../lib/pages.js'
import { agree, atScreen, begin, checkDevices, identify, leave, onward, permitted, tellPlace, toWaitingRoom } from '../lib/patient.js'
import { button, press, see, seeHeading } from '../lib/press.js'
import { until } from '../lib/wait.js'
import { PAIRS, startWorld } from '../lib/world.js'

const BORN = '02/03/1941'

/** A doctor who has just asked Anne Lefèvre to come, and the link that she got. */
async function invited(world, contact = { email: 'anne@maison.example' }) {
  const doctor = await professional(world)
  await askBirthDates(doctor)
  await appointment(doctor, contact)
  return { doctor, link: await linkSent(world.server, contact.way === 'sms' ? 'sms' : 'mails', '/c') }
}

for (const { desk, phone } of PAIRS) {
  test(`journey_d_from_the_link_to_the_end_with_each_step_and_a_second_device_that_takes_over (${desk} and ${phone})`, { timeout: 420_000 }, async (t) => {
    const world = await startWorld(t, { desk, phone })
    const { words: { pro, guest: texts } } = world
    const { doctor, link } = await invited(world)
    const anne = await world.onPhone(link)
    await begin(anne, { answer: '3/2/1941' })
    await see(anne, texts.wrongAnswer)
    assert.deepEqual(await violations(anne.page), [])
    await identify(anne, 'il y a longtemps')
    await see(anne, texts.badBirthDate)
    await identify(anne, BORN)
    await atScreen(anne, 'consent')
    assert.deepEqual(await violations(anne.page), [])
    await agree(anne)
    await atScreen(anne, 'place')
    assert.deepEqual(await violations(anne.page), [])
    await tellPlace(anne, { place: 'Mende', number: '06 12 34 56 78' })
    await checkDevices(anne)
    await atScreen(anne, 'waiting')
    await button(doctor, pro.denyName('Anne Lefèvre')).waitFor()
    await see(doctor, pro.place('Mende'))

    // Loaded again, the page knows its seat.
    await anne.page.reload()
    await begin(anne)
    await permitted(anne.page, '[data-test=checked]')
    await atScreen(anne, 'waiting')

    const second = await world.onPhone(link)
    await begin(second)
    await atScreen(second, 'in-use')
    assert.deepEqual(await violations(second.page), [])
    await second.page.locator('[data-test=take-over]').click()
    await atScreen(anne, 'taken-over')
    assert.deepEqual(await violations(anne.page), [])
    // A forwarded link inherits no admission: the way begins again.
    await onward(second, BORN)

    await enterCall(doctor)
    await letIn(doctor)
    await seeEachOther([doctor, second])
    assert.deepEqual(await violations(second.page), [])
    assert.ok((await second.page.locator('.controls button').count()) <= 5, 'few buttons')

    await leave(second)
    assert.deepEqual(await violations(second.page), [])
    await second.page.locator('[data-test=come-back]').click()
    // Whoever said that they leave comes to the door again.
    await onward(second, BORN)
    await letIn(doctor)
    await seeEachOther([doctor, second])
    await endForAll(doctor)
    await atScreen(second, 'end')
    assert.deepEqual(await violations(second.page), [])
    world.noComplaints()
  })
}

test('journey_d_a_refusal_of_consent_ends_politely_and_the_professional_sees_it', { timeout: 240_000 }, async (t) => {
  const world = await startWorld(t)
  const { words: { pro } } = world
  const { doctor, link } = await invited(world)
  const anne = await world.onPhone(link)
  await begin(anne, { answer: BORN })
  await anne.page.locator('[data-test=refuse]').click()
  await atScreen(anne, 'refused')
  assert.deepEqual(await violations(anne.page), [])
  await see(doctor, pro.refusedBy('Anne Lefèvre'))
  await doctor.page.locator('.pro-person .chip').getByText(pro.consentRefused, { exact: true }).waitFor()
  world.noComplaints()
})

test('journey_d_five_wrong_answers_lock_the_door_and_say_until_when', { timeout: 240_000 }, async (t) => {
  const world = await startWorld(t)
  const { words: { guest: texts } } = world
  const { link } = await invited(world)
  const anne = await world.onPhone(link)
  await begin(anne)
  for (let tries = 0; tries < 5; tries += 1) {
    await identify(anne, '1/1/1950')
    await anne.page.locator('.field-error, [data-test=patient-locked]').first().waitFor()
    await until('the answer was judged', async () => !(await anne.page.locator('[aria-busy=true]').isVisible()))
  }
  await atScreen(anne, 'locked')
  assert.deepEqual(await violations(anne.page), [])
  await see(anne, texts.lockedTitle)
  world.noComplaints()
})

for (const { desk, phone } of PAIRS) {
  test(`journey_d_a_camera_that_is_blocked_is_explained_can_be_tried_again_and_is_not_needed (${desk} and ${phone})`, { timeout: 300_000 }, async (t) => {
    const world = await startWorld(t, { desk, phone, phoneWith: NO_DEVICES })
    const { words: { guest: texts } } = world
    const { doctor, link } = await invited(world)
    const anne = await world.onPhone(link)
    await begin(anne, { answer: BORN })
    await agree(anne)
    await tellPlace(anne)
    const blocked = anne.page.locator('.notice-bad', { hasText: texts.deniedTitle(texts.thingBoth) })
    await anne.page.locator('[data-test=allow]').click()
    await blocked.waitFor()
    const steps = texts.deniedSteps[phone === 'Firefox' ? 'firefox' : 'chrome']
    assert.deepEqual(await blocked.locator('li').allTextContents(), steps)
    assert.deepEqual(await violations(anne.page), [])
    await anne.page.locator('[data-test=retry]').click()
    await blocked.waitFor()
    await see(anne, texts.withoutBoth)
    await anne.page.locator('[data-test=checked]').click()
    await atScreen(anne, 'waiting')
    await enterCall(doctor)
    await letIn(doctor)
    await anne.page.locator('[data-test=patient-call]').waitFor()
    await until('she sees the doctor', async () => (await anne.page.locator('.tile video').count()) === 1, { why: anne.why })
    assert.deepEqual(await violations(anne.page), [])
    world.noComplaints()
  })
}

/** How browsers call themselves, and whose steps are shown there. */
const BROWSERS = {
  'safari-ios': 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
  'other-ios': 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.0.0 Mobile/15E148 Safari/604.1',
  'chrome-android': 'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36',
  samsung: 'Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36',
  'firefox-android': 'Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0',
  firefox: 'Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0',
  'safari-mac': 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15',
  chrome: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
}

test('journey_d_each_browser_that_blocks_the_camera_gets_its_own_steps', { timeout: 240_000 }, async (t) => {
  const world = await startWorld(t, { phoneWith: NO_DEVICES })
  const { words: { guest: texts } } = world
  assert.deepEqual(Object.keys(BROWSERS).sort(), Object.keys(texts.deniedSteps).sort())
  for (const [browser, userAgent] of Object.entries(BROWSERS)) {
    const anne = await world.onPhone(`${world.server.http}/test`, { userAgent })
    await anne.page.locator('[data-test=allow]').click()
    const blocked = anne.page.locator('.notice-bad', { hasText: texts.deniedTitle(texts.thingBoth) })
    await blocked.waitFor()
    assert.deepEqual(await blocked.locator('li').allTextContents(), texts.deniedSteps[browser], browser)
    // Safari asks no second time on the same page.
    const again = /ios|safari/.test(browser) ? texts.reload : texts.again
    await button(anne, again).waitFor()
    assert.deepEqual(await violations(anne.page), [])
  }
  world.noComplaints()
})

test('journey_d_a_camera_that_stops_in_the_call_is_told_and_goes_on_at_a_press', { timeout: 300_000 }, async (t) => {
  const world = await startWorld(t)
  const { words: { guest: texts } } = world
  const { doctor, link } = await invited(world)
  const anne = await world.onPhone(link)
  await toWaitingRoom(anne, { answer: BORN })
  await enterCall(doctor)
  await letIn(doctor)
  await seeEachOther([doctor, anne])
  const frozen = anne.page.locator('[data-test=frozen]')
  assert.equal(await frozen.count(), 0)
  // As the system does when a telephone call takes the camera away.
  await anne.page.locator('.pcall-me video').evaluate((video) => {
    const [track] = video.srcObject.getVideoTracks()
    Object.defineProperty(track, 'muted', { value: true })
    track.dispatchEvent(new Event('mute'))
  })
  await frozen.waitFor()
  assert.deepEqual(await violations(anne.page), [])
  await frozen.getByRole('button', { name: texts.rouse }).click()
  await frozen.waitFor({ state: 'detached' })
  await seeEachOther([doctor, anne])
  world.noComplaints()
})

test('journey_d_a_server_that_dies_in_mid_call_comes_back_and_so_do_both', { timeout: 420_000 }, async (t) => {
  const world = await startWorld(t)
  const { doctor, link } = await invited(world)
  const anne = await world.onPhone(link)
  await toWaitingRoom(anne, { answer: BORN })
  await enterCall(doctor)
  await letIn(doctor)
  await seeEachOther([doctor, anne])
  await world.server.crash()
  await until('both are in the call again', async () => {
    // The professional goes back in where the page says that the connection is lost.
    const enter = doctor.page.getByRole('button', { name: world.words.pro.enterCall, exact: true })
    if (await enter.isVisible()) {
      await enter.click()
      await permitted(doctor.page, '[data-test=enter]')
    }
    const pictures = await Promise.all([doctor, anne].map(({ page }) => page.locator('.tile video').count()))
    return pictures.every((count) => count === 2)
  }, { deadline: 180_000, every: 1000, why: async () => `${doctor.why()}\n${anne.why()}\n${world.server.tail()}` })
  await seeEachOther([doctor, anne])
})

test('journey_d_sent_out_denied_and_late_each_have_their_screen', { timeout: 300_000 }, async (t) => {
  const world = await startWorld(t)
  const { words: { pro, guest: texts } } = world
  const { doctor, link } = await invited(world)
  const anne = await world.onPhone(link)
  await toWaitingRoom(anne, { answer: BORN })
  await enterCall(doctor)
  await letIn(doctor)
  await seeEachOther([doctor, anne])
  await doctor.page.getByRole('button', { name: new RegExp(`^${pro.sendBack}`) }).click()
  await anne.page.locator('[data-test=checked], [data-test=allow], [data-test=patient-waiting]').first().waitFor()
  if (!(await anne.page.locator('[data-test=patient-waiting]').isVisible())) await checkDevices(anne)
  await atScreen(anne, 'waiting')
  await letIn(doctor)
  await seeEachOther([doctor, anne])
  await doctor.page.getByRole('button', { name: new RegExp(`^${pro.remove}`) }).click()
  await atScreen(anne, 'removed')
  assert.deepEqual(await violations(anne.page), [])
  await endForAll(doctor)
  const late = await world.onPhone(link)
  await seeHeading(late, texts.revokedTitle)
  assert.deepEqual(await violations(late.page), [])

  const nobody = await world.onPhone(`${world.server.http}/c#AAAAAAAAAAAAAAAAAAAAAA`)
  await atScreen(nobody, 'unknown')
  assert.deepEqual(await violations(nobody.page), [])

  await appointment(doctor, { email: 'louis@maison.example' })
  const other = await world.onPhone(await linkSent(world.server, 'mails', '/c', { to: 'louis@maison.example' }))
  await toWaitingRoom(other, { answer: BORN })
  await press(doctor, pro.denyName('Anne Lefèvre'))
  await atScreen(other, 'denied')
  assert.deepEqual(await violations(other.page), [])
  world.noComplaints()
})

test('journey_d_too_late_and_a_browser_that_is_too_old_each_have_their_screen', { timeout: 240_000 }, async (t) => {
  const world = await startWorld(t)
  const { server, words: { guest: texts } } = world
  const { link } = await invited(world)
  const old = await world.onPhone(`${server.http}/test`)
  await old.page.addInitScript(() => void delete window.RTCPeerConnection)
  await old.page.goto('about:blank')
  await old.page.goto(link)
  await seeHeading(old, texts.gateOldTitle)
  assert.deepEqual(await violations(old.page), [])
  await passTime(server, 4 * 3600)
  const late = await world.onPhone(link)
  await atScreen(late, 'over')
  await seeHeading(late, texts.overTitle)
  assert.deepEqual(await violations(late.page), [])
  world.noComplaints()
})

/** What a strict company network does to WebRTC. */
const NO_UDP = { flags: ['--webrtc-ip-handling-policy=disable_non_proxied_udp'] }

/** From now on the page keeps the connections that it makes, to be asked. */
const keepConnections = (page) => page.evaluate(() => {
  window.connections = []
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...given) {
      super(...given)
      window.connections.push(this)
    }
  }
})

/** By what the pictures of a page come and go. */
const protocolsUsed = (page) => page.evaluate(async () => {
  const used = new Set()
  for (const connection of window.connections) {
    const stats = await connection.getStats()
    for (const { type, nominated, state, localCandidateId } of stats.values()) {
      if (type === 'candidate-pair' && nominated && state === 'succeeded') used.add(stats.get(localCandidateId).protocol)
    }
  }
  return [...used]
})

test('journey_d_where_udp_is_blocked_the_call_goes_over_tcp', { timeout: 300_000 }, async (t) => {
  const world = await startWorld(t, { phoneWith: NO_UDP })
  const { doctor, link } = await invited(world)
  const anne = await world.onPhone(link)
  await keepConnections(anne.page)
  await toWaitingRoom(anne, { answer: BORN })
  await enterCall(doctor)
  await letIn(doctor)
  await seeEachOther([doctor, anne])
  assert.deepEqual(await protocolsUsed(anne.page), ['tcp'])
  world.noComplaints()
})

test('journey_d_where_every_way_of_the_video_is_blocked_the_page_says_so_and_names_the_telephone', { timeout: 300_000 }, async (t) => {
  const world = await startWorld(t, { phoneWith: NO_UDP, env: { CHEVET_RTC__TCP_PORT: 'off' } })
  const { words: { guest: texts } } = world
  const { doctor, link } = await invited(world)
  const anne = await world.onPhone(link)
  await toWaitingRoom(anne, { answer: BORN })
  await enterCall(doctor)
  await letIn(doctor)
  await anne.page.locator('[data-test=patient-failed]').waitFor({ timeout: 120_000 })
  await see(anne, texts.failed)
  assert.deepEqual(await violations(anne.page), [])
})
