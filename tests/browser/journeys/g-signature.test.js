import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { appointment, enterCall, letIn, professional, seeEachOther } from '../lib/clinic.js'
import { documentRow, handOver } from '../lib/desk.js'
import { linkSent } from '../lib/mail.js'
import { violations } from '../lib/pages.js'
import { out } from '../lib/paths.js'
import { begin, onward } from '../lib/patient.js'
import { ORDONNANCE, pdf } from '../lib/pdf.js'
import { button, choose, fill, press } from '../lib/press.js'
import { startWorld } from '../lib/world.js'

test('journey_g_a_signature_is_made_once_placed_on_a_prescription_in_the_call_and_the_patient_gets_only_the_sealed_one', { timeout: 480_000 }, async (t) => {
  const world = await startWorld(t)
  const { server, words: { deskDocuments: words } } = world
  const doctor = await professional(world)
  const { page } = doctor
  await page.goto(`${server.http}/compte`)
  await press(doctor, words.signatureMake)
  await page.getByRole('tab', { name: words.wayType }).click()
  await fill(doctor, words.typedName, 'Dr Jeanne Martin')
  await press(doctor, words.signatureSave)
  await page.getByRole('img', { name: words.signatureNow }).waitFor()
  assert.deepEqual(await violations(page), [])

  await appointment(doctor, { email: 'anne@maison.example' })
  const anne = await world.onPhone(await linkSent(server, 'mails', '/c'))
  await begin(anne)
  await onward(anne)
  await enterCall(doctor)
  await letIn(doctor)
  await seeEachOther([doctor, anne])
  await handOver(doctor, 'Ordonnance.pdf', pdf(ORDONNANCE), { word: words.signThenSend })
  await page.getByRole('button', { name: words.signBox }).waitFor()
  assert.deepEqual(await violations(page), [])
  assert.equal(await anne.page.locator('[data-test=new-document]').count(), 0, 'nothing goes before it is signed')
  await choose(doctor, words.signPlace, 'under-last-line')
  await press(doctor, words.signAndSend)
  await documentRow(doctor, 'Ordonnance').getByText(words.signed.pades_seal).waitFor()
  await anne.page.locator('[data-test=new-document]').waitFor()
  const [download] = await Promise.all([anne.page.waitForEvent('download'), anne.page.locator('[data-test=new-document] a').first().click()])
  const saved = join(out, 'journey-g.pdf')
  await download.saveAs(saved)
  assert.ok(readFileSync(saved).includes('ETSI.CAdES.detached'), 'a seal that readers of PDF know')
  assert.equal(await button(doctor, words.signName('Ordonnance.pdf')).count(), 0)
  await seeEachOther([doctor, anne])
  world.noComplaints()
})
