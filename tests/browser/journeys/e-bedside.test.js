import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { appointment, endForAll, enterCall, letIn, professional, seeEachOther, validateForm } from '../lib/clinic.js'
import { linkSent } from '../lib/mail.js'
import { violations } from '../lib/pages.js'
import { out } from '../lib/paths.js'
import { agree, atScreen, begin, checkDevices, tellPlace, toWaitingRoom } from '../lib/patient.js'
import { button, see } from '../lib/press.js'
import { startWorld } from '../lib/world.js'

const NURSE = { role: 'bedside_professional', name: 'Odile Faure', channel: 'email', to: 'odile@ehpad.example' }
const INTERPRETER = { role: 'interpreter', name: 'Paul Signe', channel: 'sms', to: '06 98 76 54 32' }

/** Whoever comes by a link that asks no question of identity. */
async function guestToWaiting(guest) {
  await begin(guest)
  await guest.page.locator('[data-test=accept], [data-test=skip-place], [data-test=allow], [data-test=checked]').first().waitFor()
  if (await guest.page.locator('[data-test=accept]').isVisible()) await agree(guest)
  await guest.page.locator('[data-test=skip-place], [data-test=allow], [data-test=checked]').first().waitFor()
  if (await guest.page.locator('[data-test=skip-place]').isVisible()) await tellPlace(guest)
  await checkDevices(guest)
  await atScreen(guest, 'waiting')
}

test('journey_e_a_nurse_at_the_bedside_and_an_interpreter_are_in_the_call_and_the_nurse_is_in_the_report', { timeout: 480_000 }, async (t) => {
  const world = await startWorld(t)
  const { server, words: { pro } } = world
  const doctor = await professional(world)
  await appointment(doctor, { email: 'anne@maison.example', guests: [NURSE, INTERPRETER] })
  const anne = await world.onPhone(await linkSent(server, 'mails', '/c', { to: 'anne@maison.example' }))
  await toWaitingRoom(anne, { answer: '02/03/1941' })
  const nurse = await world.onPhone(await linkSent(server, 'mails', '/c', { to: NURSE.to }), { viewport: { width: 1024, height: 768 } })
  await guestToWaiting(nurse)
  const interpreter = await world.onPhone(await linkSent(server, 'sms', '/c', { to: '+33698765432' }))
  await guestToWaiting(interpreter)

  await see(doctor, NURSE.name)
  await enterCall(doctor)
  for (const name of ['Anne Lefèvre', NURSE.name, INTERPRETER.name]) {
    await letIn(doctor, name)
    await button(doctor, pro.removeName(name)).waitFor()
  }
  await seeEachOther([doctor, anne, nurse, interpreter])
  for (const who of [doctor, anne, nurse, interpreter]) assert.deepEqual(await violations(who.page), [])
  await endForAll(doctor)
  for (const who of [anne, nurse, interpreter]) await atScreen(who, 'end')

  await validateForm(doctor, 'Toux depuis trois jours, apyrétique.')
  const [download] = await Promise.all([doctor.page.waitForEvent('download'), button(doctor, pro.downloadFhir).click()])
  const saved = join(out, 'journey-e.fhir.json')
  await download.saveAs(saved)
  assert.match(readFileSync(saved, 'utf8'), /Faure/, 'the nurse is named in what leaves')
  world.noComplaints()
})
