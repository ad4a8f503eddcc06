import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { appointment, endForAll, enterCall, letIn, professional, seeEachOther, validateForm } from '../lib/clinic.js'
import { linkSent } from '../lib/mail.js'
import { violations } from '../lib/pages.js'
import { out } from '../lib/paths.js'
import { atScreen, begin, onward, toWaitingRoom } from '../lib/patient.js'
import { button, see } from '../lib/press.js'
import { until } from '../lib/wait.js'
import { startWorld } from '../lib/world.js'

const NURSE = { role: 'bedside_professional', name: 'Odile Faure', channel: 'email', to: 'odile@ehpad.example' }
const INTERPRETER = { role: 'interpreter', name: 'Paul Signe', channel: 'sms', to: '06 98 76 54 32' }

test('journey_e_a_nurse_at_the_bedside_and_an_interpreter_are_in_the_call_and_the_nurse_is_in_the_report', { timeout: 480_000 }, async (t) => {
  const world = await startWorld(t)
  const { server, words: { pro } } = world
  const doctor = await professional(world)
  await appointment(doctor, { email: 'anne@maison.example', guests: [NURSE, INTERPRETER] })
  const anne = await world.onPhone(await linkSent(server, 'mails', '/c', { to: 'anne@maison.example' }))
  await toWaitingRoom(anne)
  const nurse = await world.onPhone(await linkSent(server, 'mails', '/c', { to: NURSE.to }), { viewport: { width: 1024, height: 768 } })
  await begin(nurse)
  await onward(nurse)
  const interpreter = await world.onPhone(await linkSent(server, 'sms', '/c', { to: '+33698765432' }))
  await begin(interpreter)
  await onward(interpreter)

  await see(doctor, NURSE.name)
  await enterCall(doctor)
  for (const name of ['Anne Lefèvre', NURSE.name, INTERPRETER.name]) {
    await letIn(doctor, name)
    await button(doctor, pro.removeName(name)).waitFor()
  }
  await seeEachOther([doctor, anne, nurse, interpreter])
  for (const who of [doctor, anne, nurse, interpreter]) assert.deepEqual(await violations(who.page), [])
  // Signs have to be seen: the interpreter comes first and has more room than the others.
  await until('the interpreter is large', async () => {
    const tiles = await anne.page.locator('.pcall-stage > .people > .tile').evaluateAll((all) => all.map((tile) => ({ role: tile.dataset.role, room: tile.clientWidth * tile.clientHeight })))
    const [first, ...others] = tiles
    return first.role === 'interpreter' && others.length === 2 && others.every(({ room }) => room < first.room)
  }, { why: anne.why })
  await endForAll(doctor)
  for (const who of [anne, nurse, interpreter]) await atScreen(who, 'end')

  await validateForm(doctor, 'Toux depuis trois jours, apyrétique.')
  const [download] = await Promise.all([doctor.page.waitForEvent('download'), button(doctor, pro.downloadFhir).click()])
  const saved = join(out, 'journey-e.fhir.json')
  await download.saveAs(saved)
  assert.match(readFileSync(saved, 'utf8'), /Faure/, 'the nurse is named in what leaves')
  world.noComplaints()
})
