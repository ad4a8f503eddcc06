// Every screen of the patient's way outside the call, the test of the device, and what a link alone can say.
import { appointment, askBirthDates, enterCall, laterThanProposed, letIn, professional, seeEachOther } from '../lib/clinic.js'
import { linkSent, passTime } from '../lib/mail.js'
import { agree, atScreen, begin, checkDevices, identify, tellPlace, toWaitingRoom } from '../lib/patient.js'
import { PATIENT } from '../lib/portrait.js'
import { beginning, fill, press, pressInDialog, see, seeHeading } from '../lib/press.js'
import { until } from '../lib/wait.js'

const BORN = '02/03/1941'
const ANDROID_APP = 'Mozilla/5.0 (Linux; Android 14; SM-A146B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.0.0 Mobile Safari/537.36'
const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1'

export async function patient(world, look) {
  const { server, words: { pro, guest: texts } } = world
  const doctor = await professional(world)
  await askBirthDates(doctor)
  let number = 0
  /** A new appointment, its link, and somebody who opened it. */
  const invited = async (slot = {}, options = {}) => {
    const email = `patient${(number += 1)}@maison.example`
    await appointment(doctor, { email, ...slot })
    const link = new URL(await linkSent(server, 'mails', '/c', { to: email }))
    return { link, anne: await world.atDesk(link, { portrait: PATIENT, ...options }) }
  }

  const { link, anne } = await invited({}, { permission: 'prompt' })
  await anne.page.locator('[data-test=begin]').waitFor()
  await look('patient-link', anne)
  await press(anne, world.words.common.help)
  await look('patient-help', anne)
  await anne.page.keyboard.press('Escape')
  await begin(anne)
  await anne.page.locator('[name=answer]').waitFor()
  await look('patient-identity', anne)
  await identify(anne, '1/1/1950')
  await see(anne, texts.wrongAnswer)
  await look('patient-identity-wrong', anne)
  await identify(anne, BORN)
  await anne.page.locator('[data-test=accept]').waitFor()
  await look('patient-consent', anne)
  await agree(anne)
  await atScreen(anne, 'place')
  await look('patient-place', anne)
  await tellPlace(anne)
  await anne.page.locator('[data-test=allow]').waitFor()
  await look('patient-permissions', anne)
  await anne.page.locator('[data-test=allow]').click()
  await anne.page.locator('[data-test=checked]').waitFor()
  await look('patient-check', anne)
  await checkDevices(anne)
  await atScreen(anne, 'waiting')

  const second = await world.atDesk(link)
  await begin(second)
  await atScreen(second, 'in-use')
  await look('patient-in-use', second)
  await press(second, texts.inUseNo)
  await atScreen(second, 'stayed')
  await look('patient-stayed', second)
  const third = await world.atDesk(link, { portrait: PATIENT })
  await begin(third)
  await third.page.locator('[data-test=take-over]').click()
  await atScreen(anne, 'taken-over')
  await look('patient-taken-over', anne)

  const { anne: refuses } = await invited()
  await begin(refuses, { answer: BORN })
  await refuses.page.locator('[data-test=refuse]').click()
  await atScreen(refuses, 'refused')
  await look('patient-refused', refuses)

  const { anne: locked } = await invited()
  await begin(locked)
  for (let tries = 0; tries < 5; tries += 1) {
    await identify(locked, '1/1/1950')
    await until('the answer was judged', async () => !(await locked.page.locator('[aria-busy=true]').isVisible()))
  }
  await atScreen(locked, 'locked')
  await look('patient-locked', locked)

  const { anne: blocked } = await invited({}, { portrait: undefined, permission: 'denied' })
  await begin(blocked, { answer: BORN })
  await agree(blocked)
  await tellPlace(blocked)
  await blocked.page.locator('[data-test=allow]').click()
  await see(blocked, texts.deniedTitle(texts.thingBoth))
  await look('patient-blocked', blocked)
  const { anne: blockedPhone } = await invited({}, { portrait: undefined, permission: 'denied', userAgent: IPHONE })
  await begin(blockedPhone, { answer: BORN })
  await agree(blockedPhone)
  await tellPlace(blockedPhone)
  await blockedPhone.page.locator('[data-test=allow]').click()
  await see(blockedPhone, texts.deniedTitle(texts.thingBoth))
  await look('patient-blocked-iphone', blockedPhone)

  const { anne: goes } = await invited()
  await toWaitingRoom(goes, { answer: BORN })
  await enterCall(doctor)
  await letIn(doctor)
  await seeEachOther([doctor, goes])
  await press(goes, texts.leave)
  await goes.page.locator('[data-test=leave-yes]').click()
  await atScreen(goes, 'left')
  await look('patient-left', goes)

  const { link: noMore, anne: out } = await invited()
  await toWaitingRoom(out, { answer: BORN })
  await enterCall(doctor)
  await letIn(doctor)
  await seeEachOther([doctor, out])
  await doctor.page.getByRole('button', { name: beginning(pro.removeName('')) }).first().click()
  await atScreen(out, 'removed')
  await look('patient-removed', out)
  await press(doctor, pro.endForAll)
  await pressInDialog(doctor, pro.endForAll)
  await see(doctor, pro.endedCall)
  const refused = await world.atDesk(noMore)
  await seeHeading(refused, texts.revokedTitle)
  await look('patient-revoked', refused)

  const { anne: denied } = await invited()
  await toWaitingRoom(denied, { answer: BORN })
  await doctor.page.getByRole('button', { name: beginning(pro.denyName('')) }).first().click()
  await atScreen(denied, 'denied')
  await look('patient-denied', denied)

  const start = await laterThanProposed(doctor, 30)
  const { anne: early } = await invited({ start })
  await atScreen(early, 'too-early')
  await look('patient-too-early', early)
  await press(doctor, pro.edit)
  await fill(doctor, pro.start, await laterBy(doctor, 30))
  await pressInDialog(doctor, pro.save)
  await see(doctor, pro.moved)
  await early.page.reload()
  await see(early, texts.moved)
  await look('patient-moved', early)
  await press(doctor, pro.cancelAppointment)
  await pressInDialog(doctor, pro.cancelAppointment)
  await see(doctor, pro.statuses.cancelled)
  await early.page.reload()
  await atScreen(early, 'cancelled')
  await look('patient-cancelled', early)

  const nobody = await world.atDesk('/c#AAAAAAAAAAAAAAAAAAAAAA')
  await atScreen(nobody, 'unknown')
  await look('patient-unknown', nobody)
  const app = await world.atDesk('/c#x', { userAgent: ANDROID_APP })
  await app.page.goto('about:blank')
  await app.page.goto((await invited()).link.href)
  await atScreen(app, 'gate')
  await look('patient-other-browser', app)
  const offline = await world.atDesk('/test', { permission: 'prompt' })
  await offline.page.locator('h1').first().waitFor()
  await look('test-before', offline)
  await offline.page.locator('[data-test=allow]').click()
  await offline.page.locator('.patient-self').waitFor()
  await look('test-running', offline)
  let cut = false
  await offline.page.routeWebSocket(/network-probe/, (socket) => {
    if (cut) return void socket.close()
    const line = socket.connectToServer()
    return socket.onMessage((sent) => void setTimeout(() => line.send(sent), 600))
  })
  await offline.page.reload()
  const picture = offline.page.locator('.patient-self')
  await offline.page.locator('[data-test=allow]').or(picture).first().waitFor()
  if (!(await picture.isVisible())) await offline.page.locator('[data-test=allow]').click()
  await see(offline, texts.networkWeak)
  await look('test-weak', offline)
  cut = true
  await offline.page.locator('[data-test=network-again]').click()
  await see(offline, texts.networkBad)
  await look('test-blocked', offline)
  await offline.page.route('**/p/v1/links/look', (route) => route.abort())
  await offline.page.goto('about:blank')
  await offline.page.goto(link.href)
  await atScreen(offline, 'unreachable')
  await look('patient-unreachable', offline)
  const { link: missed } = await invited()
  const old = await world.atDesk('/test')
  await old.page.addInitScript(() => void delete window.RTCPeerConnection)
  await old.page.goto('about:blank')
  await old.page.goto(missed.href)
  await seeHeading(old, texts.gateOldTitle)
  await look('patient-old-browser', old)
  await passTime(server, 4 * 3600)
  const late = await world.atDesk(missed)
  await atScreen(late, 'over')
  await look('patient-over', late)
}

async function laterBy(doctor, minutes) {
  const now = await doctor.page.locator('input[type=datetime-local]').inputValue()
  return new Date(Date.parse(`${now}Z`) + minutes * 60_000).toISOString().slice(0, 16)
}
