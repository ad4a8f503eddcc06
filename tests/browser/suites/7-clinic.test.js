// The quick part of the journeys: an immediate call, and an appointment up to its report. All of them: `make test-pages`.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { appointment, askBirthDates, endForAll, enterCall, immediateCall, letIn, professional, seeEachOther, validateForm } from '../lib/clinic.js'
import { linkSent } from '../lib/mail.js'
import { violations } from '../lib/pages.js'
import { out } from '../lib/paths.js'
import { agree, atScreen, begin, checkDevices, identify, tellPlace, toWaitingRoom } from '../lib/patient.js'
import { button, pressInDialog, see, seeHeading } from '../lib/press.js'
import { startWorld } from '../lib/world.js'

test('A professional registers, calls a patient by short message and lets the patient in: they see each other until it ends', { timeout: 300_000 }, async (t) => {
  const world = await startWorld(t)
  const { words: { pro } } = world
  const doctor = await professional(world)
  await immediateCall(doctor, '06 12 34 56 78')
  const patient = await world.onPhone(await linkSent(world.server, 'sms', '/c'))
  await toWaitingRoom(patient)
  await pressInDialog(doctor, pro.immediateGo)
  await doctor.page.waitForURL(/mes-teleconsultations\/cs_/)
  await enterCall(doctor)
  await letIn(doctor)
  await seeEachOther([doctor, patient])
  for (const { page } of [doctor, patient]) assert.deepEqual(await violations(page), [])
  await endForAll(doctor)
  await atScreen(patient, 'end')
  assert.deepEqual(await violations(patient.page), [])
  world.noComplaints()
})

test('An appointment by mail asks who comes, and ends with a validated form, a report and everything in one archive', { timeout: 300_000 }, async (t) => {
  const world = await startWorld(t)
  const { words: { pro, guest: texts } } = world
  const doctor = await professional(world)
  await askBirthDates(doctor)
  await appointment(doctor, { email: 'anne@maison.example' })
  const patient = await world.onPhone(await linkSent(world.server, 'mails', '/c'))
  await begin(patient, { answer: '3/2/1941' })
  await see(patient, texts.wrongAnswer)
  await identify(patient, '02/03/1941')
  await agree(patient)
  await tellPlace(patient)
  await checkDevices(patient)
  await atScreen(patient, 'waiting')
  await enterCall(doctor)
  await letIn(doctor)
  await seeEachOther([doctor, patient])
  await endForAll(doctor)
  await atScreen(patient, 'end')

  await seeHeading(doctor, pro.consultationWith('Anne Lefèvre'))
  await validateForm(doctor, 'Toux depuis trois jours, apyrétique.')
  assert.deepEqual(await violations(doctor.page), [])
  for (const [name, magic] of [[pro.downloadVersion(1), '%PDF-'], [pro.downloadZip, 'PK']]) {
    const [download] = await Promise.all([doctor.page.waitForEvent('download'), button(doctor, name).click()])
    const saved = join(out, `clinic-${download.suggestedFilename()}`)
    await download.saveAs(saved)
    assert.equal(readFileSync(saved).subarray(0, magic.length).toString('latin1'), magic)
  }
  world.noComplaints()
})
