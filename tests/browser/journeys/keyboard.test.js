// The two main journeys without a mouse: an appointment up to its report, and the patient's way into the call.
import { test } from 'node:test'
import { askBirthDates, professional, seeEachOther } from '../lib/clinic.js'
import { keyboard } from '../lib/keyboard.js'
import { linkSent } from '../lib/mail.js'
import { atScreen } from '../lib/patient.js'
import { beginning, button, field, see, seeHeading } from '../lib/press.js'
import { startWorld } from '../lib/world.js'

test('An appointment, the call, the form and the report need no mouse, nor does the patient’s way', { timeout: 600_000 }, async (t) => {
  const world = await startWorld(t)
  const { server, words: { pro, guest: texts } } = world
  const doctor = await professional(world)
  await askBirthDates(doctor)
  await doctor.page.goto(`${server.http}/mes-teleconsultations`)
  const keys = keyboard(doctor)
  await keys.press(button(doctor, pro.newAppointment))
  await seeHeading(doctor, pro.appointmentTitle)
  await keys.type(field(doctor, pro.birthName), 'Lefèvre')
  await keys.type(field(doctor, pro.firstNames), 'Anne')
  await keys.reach(field(doctor, pro.birthDate))
  await doctor.page.keyboard.type('03031941')
  await keys.choose(field(doctor, pro.channel), pro.channels.email.slice(0, 8))
  await keys.type(field(doctor, pro.patientEmail), 'anne@maison.example')
  await keys.choose(field(doctor, pro.when), pro.whenNow)
  await keys.press(button(doctor, pro.create))
  await doctor.page.waitForURL(/cs_/)

  const anne = await world.atDesk(await linkSent(server, 'mails', '/c'))
  const hers = keyboard(anne)
  const hook = (name) => anne.page.locator(`[data-test=${name}]`)
  await hers.press(hook('begin'))
  await hers.type(anne.page.locator('[name=answer]'), '03/03/1941')
  await hers.press(hook('answer'))
  await hers.press(hook('accept'))
  await hers.type(field(anne, texts.placeField), 'Mende')
  await hers.press(hook('place'))
  await anne.page.locator('[data-test=allow], [data-test=checked]').first().waitFor()
  if (await hook('allow').isVisible()) await hers.press(hook('allow'))
  await hers.press(hook('checked'))
  await atScreen(anne, 'waiting')

  await keys.press(button(doctor, pro.enterCall))
  await doctor.page.locator('[data-test=enter], [data-test=allow]').first().waitFor()
  if (await doctor.page.locator('[data-test=allow]').isVisible()) await keys.press(doctor.page.locator('[data-test=allow]'))
  await keys.press(doctor.page.locator('[data-test=enter]'))
  await keys.press(doctor.page.getByRole('button', { name: beginning(pro.admitName('')) }).first())
  await seeEachOther([doctor, anne])

  await hers.press(hook('microphone'), 'Space')
  await hers.press(hook('leave'))
  await anne.page.getByRole('dialog').waitFor()
  await anne.page.keyboard.press('Escape')
  await anne.page.getByRole('dialog').waitFor({ state: 'detached' })
  await hers.reach(hook('leave'), 1)

  await keys.press(button(doctor, pro.endForAll))
  await keys.press(doctor.page.getByRole('dialog').getByRole('button', { name: pro.endForAll, exact: true }))
  await atScreen(anne, 'end')
  await see(doctor, pro.endedCall)
  await keys.type(doctor.page.getByLabel('Motif', { exact: true }), 'Toux depuis trois jours')
  await keys.type(doctor.page.getByLabel('Conclusion', { exact: true }), 'Repos')
  await keys.press(button(doctor, pro.validate))
  await keys.press(doctor.page.getByRole('dialog').getByRole('button', { name: pro.validate, exact: true }))
  const [download] = await Promise.all([doctor.page.waitForEvent('download'), keys.press(button(doctor, pro.downloadVersion(1)))])
  await download.path()
  world.noComplaints()
})
