import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { appointment, endForAll, enterCall, letIn, professional, seeEachOther, validateForm } from '../lib/clinic.js'
import { linkSent } from '../lib/mail.js'
import { violations } from '../lib/pages.js'
import { toWaitingRoom } from '../lib/patient.js'
import { beginning, button, choose, field, fill, press, see, unfold } from '../lib/press.js'
import { startWorld } from '../lib/world.js'

/** What a button hands over, as a file. */
async function downloaded(desk, name, folder) {
  const [download] = await Promise.all([desk.page.waitForEvent('download'), button(desk, name).first().click()])
  const path = join(folder, download.suggestedFilename())
  await download.saveAs(path)
  return path
}
const begins = (path, magic) => assert.equal(readFileSync(path).subarray(0, magic.length).toString('latin1'), magic, path)

test('journey_i_the_form_is_kept_while_it_is_written_validated_once_corrected_by_an_addendum_and_everything_is_taken_away', { timeout: 480_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'chevet-journey-i-'))
  const world = await startWorld(t)
  const { server, words: { pro, desk } } = world
  const doctor = await professional(world)
  await appointment(doctor, { email: 'anne@maison.example' })
  const anne = await world.onPhone(await linkSent(server, 'mails', '/c'))
  await toWaitingRoom(anne)
  await enterCall(doctor)
  await letIn(doctor)
  await seeEachOther([doctor, anne])

  // Written during the call, there after it.
  await doctor.page.getByRole('tab', { name: pro.panelForm }).click()
  await doctor.page.getByLabel('Motif', { exact: true }).fill('Toux depuis trois jours')
  await see(doctor, beginning(pro.formSaved('')))
  assert.deepEqual(await violations(doctor.page), [])
  await endForAll(doctor)
  await doctor.page.reload()
  assert.equal(await doctor.page.getByLabel('Motif', { exact: true }).inputValue(), 'Toux depuis trois jours')
  await see(doctor, pro.missing('Conclusion'))
  begins(await downloaded(doctor, pro.preview, folder), '%PDF-')
  await choose(doctor, pro.actAdd, await field(doctor, pro.actAdd).locator('option').nth(1).getAttribute('value'))
  await validateForm(doctor, 'Rhinopharyngite, repos.')
  assert.deepEqual(await violations(doctor.page), [])

  begins(await downloaded(doctor, pro.downloadVersion(1), folder), '%PDF-')
  await unfold(doctor, pro.addendum)
  await fill(doctor, pro.addendumText, 'Arrêt de travail de deux jours ajouté.')
  await doctor.page.locator('form').getByRole('button', { name: pro.addendum, exact: true }).click()
  await see(doctor, pro.addendumDone)
  begins(await downloaded(doctor, pro.downloadVersion(2), folder), '%PDF-')
  begins(await downloaded(doctor, pro.downloadVersion(1), folder), '%PDF-')
  const fhir = JSON.parse(readFileSync(await downloaded(doctor, pro.downloadFhir, folder), 'utf8'))
  assert.equal(fhir.resourceType, 'Bundle')
  assert.match(readFileSync(await downloaded(doctor, pro.downloadCda, folder), 'utf8'), /ClinicalDocument/)
  begins(await downloaded(doctor, pro.sheetPdf, folder), '%PDF-')
  await press(doctor, pro.sheetOpen)
  await seeSheet(doctor)
  assert.deepEqual(await violations(doctor.page), [])
  await doctor.page.getByRole('link', { name: desk.sheetBack }).click()

  // The page in the archive judges the files beside it, without a server.
  const zip = await downloaded(doctor, pro.downloadZip, folder)
  begins(zip, 'PK')
  const opened = mkdtempSync(join(folder, 'zip-'))
  execFileSync('python3', ['-m', 'zipfile', '-e', zip, opened])
  const files = readdirSync(opened, { recursive: true })
  for (const wanted of ['verify.html', 'manifest.json']) assert.ok(files.some((name) => name.endsWith(wanted)), `${wanted} among ${files}`)
  const judge = await world.atDesk('/connexion')
  await judge.page.goto(pathToFileURL(join(opened, files.find((name) => name.endsWith('verify.html')))).href)
  assert.deepEqual(await violations(judge.page), [])
  await judge.page.locator('#files').setInputFiles(zip)
  await judge.page.locator('#verdict.good').waitFor()
  const altered = join(folder, 'altered.zip')
  const bytes = readFileSync(zip)
  // The report begins with these bytes; a ZIP that stores its files shows them as they are.
  bytes[bytes.indexOf('%PDF-') + 100] ^= 1
  writeFileSync(altered, bytes)
  await judge.page.locator('#files').setInputFiles(altered)
  await judge.page.locator('#verdict.bad').waitFor()
  world.noComplaints()
})

async function seeSheet(doctor) {
  const { pro } = doctor.words
  await doctor.page.getByRole('heading', { level: 1, name: pro.sheetTitle }).waitFor()
  await doctor.page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  const copy = doctor.page.getByRole('button', { name: beginning(pro.copyValue('')) }).first()
  await copy.click()
  await see(doctor, pro.copied)
  const copied = await doctor.page.evaluate(() => navigator.clipboard.readText())
  assert.ok((await doctor.page.locator('.pro-sheet').first().textContent()).includes(copied))
}
