// The call from both sides, what comes before it at the desk, and what comes after it.
import { appointment, endForAll, JEANNE, letIn, professional, seeEachOther, validateForm } from '../lib/clinic.js'
import { linkSent } from '../lib/mail.js'
import { agree, atScreen, begin, checkDevices, tellPlace } from '../lib/patient.js'
import { DOCTOR, PATIENT } from '../lib/portrait.js'
import { button, press, pressInDialog, see, unfold } from '../lib/press.js'

export async function call(world, look) {
  const { server, words: { pro, guest: texts } } = world
  const doctor = await professional(world, JEANNE, { portrait: DOCTOR })
  await appointment(doctor, { email: 'anne@maison.example' })
  const anne = await world.atDesk(new URL(await linkSent(server, 'mails', '/c')), { portrait: PATIENT })
  await begin(anne, { answer: '02/03/1941' })
  await agree(anne)
  await tellPlace(anne, { place: '4 place du Foirail, Mende', number: '06 12 34 56 78' })
  await checkDevices(anne)
  await atScreen(anne, 'waiting')
  await look('patient-waiting', anne)
  await button(anne, texts.leave).click()
  await look('patient-leaving', anne)
  await press(anne, texts.stay)

  await see(doctor, pro.place('4 place du Foirail, Mende'))
  await look('consultation-waiting', doctor)
  await press(doctor, pro.enterCall)
  await doctor.page.locator('[data-test=enter], [data-test=allow]').first().waitFor()
  if (await doctor.page.locator('[data-test=allow]').isVisible()) {
    await look('devices', doctor)
    await doctor.page.locator('[data-test=allow]').click()
  }
  await doctor.page.locator('[data-test=enter]').waitFor()
  await look('devices-on', doctor)
  await doctor.page.locator('[data-test=enter]').click()
  await doctor.page.locator('.pro-call').waitFor()
  await look('call-waiting', doctor)
  await letIn(doctor)
  await seeEachOther([doctor, anne])
  await look('call', doctor)
  await look('patient-call', anne)
  await button(anne, texts.leave).click()
  await look('patient-call-leaving', anne)
  await press(anne, texts.stay)
  await doctor.page.getByRole('tab', { name: pro.panelForm }).click()
  await doctor.page.locator('fieldset textarea').first().fill('Toux depuis trois jours, sans fièvre.')
  await look('call-form', doctor)
  await press(doctor, pro.endForAll)
  await look('call-end', doctor)
  await press(doctor, pro.stay)
  await endForAll(doctor)
  await atScreen(anne, 'end')
  await look('patient-end', anne)

  await doctor.page.locator('fieldset textarea').first().waitFor()
  await look('after-call', doctor)
  await press(doctor, pro.validate)
  await look('validate', doctor)
  await press(doctor, pro.cancel)
  await validateForm(doctor, 'Rhinopharyngite. Repos, hydratation, réévaluation dans trois jours sans amélioration.')
  await button(doctor, pro.downloadVersion(1)).waitFor()
  await unfold(doctor, pro.addendum)
  await look('report', doctor)
  await press(doctor, pro.sheetOpen)
  await doctor.page.locator('.pro-sheet').first().waitFor()
  await look('billing-sheet', doctor)
  await doctor.page.goto(`${server.http}/mes-teleconsultations`)
  await doctor.page.getByRole('tab', { name: pro.tabDone }).click()
  await doctor.page.locator('.pro-item').first().waitFor()
  await look('list-done', doctor)
}
