import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { appointment, enterCall, JEANNE, letIn, professional, seeEachOther } from '../lib/clinic.js'
import { documentRow, handOver } from '../lib/desk.js'
import { linkSent, passTime } from '../lib/mail.js'
import { violations } from '../lib/pages.js'
import { out } from '../lib/paths.js'
import { begin, onward } from '../lib/patient.js'
import { ORDONNANCE, pdf } from '../lib/pdf.js'
import { button, choose, field, fill, press, pressInDialog } from '../lib/press.js'
import { startWorld } from '../lib/world.js'

/** With the pointer held down, in steps as a hand does. */
async function drag(page, target, { right, down }) {
  await target.scrollIntoViewIfNeeded()
  const { x, y, width, height } = await target.boundingBox()
  const [from, to] = [{ x: x + width / 2, y: y + height / 2 }, { x: x + width / 2 + right, y: y + height / 2 + down }]
  await page.mouse.move(from.x, from.y)
  await page.mouse.down()
  await page.mouse.move(to.x, to.y, { steps: 8 })
  await page.mouse.up()
  const moved = await target.boundingBox()
  assert.ok(Math.abs(moved.x - x - right) < 3 && Math.abs(moved.y - y - down) < 3, `from ${x} ${y} to ${moved.x} ${moved.y}`)
}

test('journey_g_a_signature_is_made_once_placed_on_a_prescription_in_the_call_and_the_patient_gets_only_the_sealed_one', { timeout: 480_000 }, async (t) => {
  const world = await startWorld(t)
  const { server, words: { deskDocuments: words, pro } } = world
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
  await drag(page, page.getByRole('button', { name: words.signBox }), { right: -60, down: 40 })
  assert.equal(await field(doctor, words.signPlace).inputValue(), 'free', 'where the pointer put it')
  // More than ten minutes after the login a signature asks who signs.
  await passTime(server, 11 * 60)
  await press(doctor, words.signAndSend)
  const question = page.getByRole('dialog', { name: pro.presenceTitle })
  await question.waitFor()
  assert.deepEqual(await violations(page), [])
  await fill(doctor, pro.password, 'un autre mot de passe')
  await pressInDialog(doctor, pro.confirm)
  await question.locator('.notice-bad').waitFor()
  await fill(doctor, pro.password, JEANNE.password)
  await pressInDialog(doctor, pro.confirm)
  await question.waitFor({ state: 'detached' })
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
