import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFile, endForAll, enterCall, immediateCall, letIn, lightOn, professional, seeEachOther } from '../lib/clinic.js'
import { lastNumber, linkSent, message } from '../lib/mail.js'
import { violations } from '../lib/pages.js'
import { atScreen, begin, onward } from '../lib/patient.js'
import { fill, press, pressInDialog, see, seeHeading } from '../lib/press.js'
import { PAIRS, startWorld } from '../lib/world.js'

const pairs = [...PAIRS, { desk: 'Firefox', phone: 'Chromium' }]
for (const { desk, phone } of pairs) {
  test(`journey_b_a_number_is_enough_four_lights_follow_the_patient_and_the_call_becomes_a_file (${desk} calls ${phone})`, { timeout: 420_000 }, async (t) => {
    const world = await startWorld(t, { desk, phone })
    const { server, words: { pro } } = world
    const doctor = await professional(world)
    await immediateCall(doctor, '06 12 34 56 78')
    await lightOn(doctor, pro.lightSent)
    await lightOn(doctor, pro.lightDelivered)
    assert.deepEqual(await violations(doctor.page), [])
    const link = await linkSent(server, 'sms', '/c', { to: '+33612345678' })

    const patient = await world.onPhone(link)
    await begin(patient)
    await lightOn(doctor, pro.lightOpened)
    await onward(patient)
    await lightOn(doctor, pro.lightWaiting)
    assert.deepEqual(await violations(patient.page), [])

    await pressInDialog(doctor, pro.immediateGo)
    await doctor.page.waitForURL(/mes-teleconsultations\/cs_/)
    assert.equal(await doctor.page.getByRole('tab', { name: pro.panelForm }).count(), 0, 'no form without a file')
    await enterCall(doctor)
    await letIn(doctor)
    await seeEachOther([doctor, patient])
    assert.deepEqual(await violations(doctor.page), [])
    assert.deepEqual(await violations(patient.page), [])

    await createFile(doctor)
    await doctor.page.getByRole('tab', { name: pro.panelForm }).waitFor()
    await seeEachOther([doctor, patient])
    await endForAll(doctor)
    await atScreen(patient, 'end')
    await seeHeading(doctor, pro.consultationWith('Anne Lefèvre'))
    world.noComplaints()
  })
}

test('journey_b_a_wrong_number_is_refused_with_a_reason_a_message_that_fails_can_be_corrected_and_the_link_shown', { timeout: 240_000 }, async (t) => {
  const world = await startWorld(t)
  const { server, words: { pro } } = world
  const doctor = await professional(world)
  await press(doctor, pro.immediate)
  await fill(doctor, pro.immediatePhone, '01 42 00 00 00')
  await press(doctor, pro.immediateSend)
  // In the server's words, which know what kind of number it is.
  await doctor.page.locator('.field-error').getByText('Il faut un numéro de mobile.').waitFor()
  assert.deepEqual(await violations(doctor.page), [])
  await fill(doctor, pro.immediatePhone, '06 12 34 56 70')
  await press(doctor, pro.immediateSend)
  await doctor.page.locator('.pro-invitation').waitFor()
  await lightOn(doctor, pro.lightSent)

  const before = await lastNumber(server)
  await press(doctor, pro.correctPhone)
  await fill(doctor, pro.newPhone, '06 12 34 56 71')
  await doctor.page.locator('.pro-invitation form').getByRole('button', { name: pro.resend, exact: true }).click()
  await message(server, 'sms', { to: '+33612345671', after: before })
  await press(doctor, pro.showLink)
  const shown = doctor.page.getByLabel(pro.linkToCopy, { exact: true })
  await shown.waitFor()
  const link = await shown.inputValue()
  await doctor.page.getByAltText(pro.qrAlt).waitFor()
  const patient = await world.onPhone(link)
  await patient.page.locator('[data-test=begin]').waitFor()
  world.noComplaints()
})
