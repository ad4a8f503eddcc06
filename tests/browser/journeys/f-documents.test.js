import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { appointment, endForAll, enterCall, letIn, professional, seeEachOther } from '../lib/clinic.js'
import { documentRow, tab } from '../lib/desk.js'
import { linkSent } from '../lib/mail.js'
import { violations } from '../lib/pages.js'
import { out } from '../lib/paths.js'
import { atScreen, begin, onward } from '../lib/patient.js'
import { ORDONNANCE, pdf } from '../lib/pdf.js'
import { button, press, see } from '../lib/press.js'
import { startWorld } from '../lib/world.js'

/** As much of a photo of an iPhone as tells its kind. */
const HEIC = Buffer.concat([Buffer.from([0, 0, 0, 24]), Buffer.from('ftypheic'), Buffer.alloc(4), Buffer.from('mif1heic'), Buffer.alloc(2000)])

/** From the desktop onto the page, as the browser gets it from the system; Chromium only. */
async function dropFile(page, onto, name, bytes) {
  const path = join(out, name)
  writeFileSync(path, bytes)
  const { x, y, width, height } = await page.getByText(onto).first().boundingBox()
  const debug = await page.context().newCDPSession(page)
  for (const type of ['dragEnter', 'dragOver', 'drop']) {
    await debug.send('Input.dispatchDragEvent', { type, x: x + width / 2, y: y + height / 2, data: { items: [], files: [path], dragOperationsMask: 1 } })
  }
  await debug.detach()
  await page.locator('.doc-chosen').getByText(name, { exact: true }).waitFor()
}

test('journey_f_a_prescription_goes_to_the_patient_and_a_photo_to_the_doctor_and_both_are_there_after_the_end', { timeout: 480_000 }, async (t) => {
  const world = await startWorld(t)
  const { server, words: { deskDocuments: words, guest: texts } } = world
  const doctor = await professional(world)
  await appointment(doctor, { email: 'anne@maison.example' })
  const anne = await world.onPhone(await linkSent(server, 'mails', '/c'))
  await begin(anne)
  await onward(anne)
  await enterCall(doctor)
  await letIn(doctor)
  await seeEachOther([doctor, anne])
  const hook = (name) => anne.page.locator(`[data-test=${name}]`)

  await tab(doctor, words.title)
  await dropFile(doctor.page, words.drop, 'Ordonnance.pdf', pdf(ORDONNANCE))
  await press(doctor, words.send)
  await hook('new-document').waitFor()
  assert.deepEqual(await violations(anne.page), [])
  await hook('new-document').locator('[data-test=see]').click()
  await hook('viewer').locator('.pdf-sheet').first().waitFor()
  await anne.page.locator('.pdf-sheet', { hasText: 'Paracetamol' }).waitFor({ state: 'attached' })
  assert.deepEqual(await violations(anne.page), [])
  await hook('viewer-close').click()
  await documentRow(doctor, 'Ordonnance').getByText(words.states.openedByReader, { exact: true }).waitFor()

  const photo = await anne.page.screenshot({ type: 'jpeg' })
  await hook('more').click()
  await hook('file-input').setInputFiles({ name: 'plaie.jpg', mimeType: 'image/jpeg', buffer: photo })
  await hook('sent').waitFor()
  assert.deepEqual(await violations(anne.page), [])
  await see(doctor, words.received('plaie.jpg'))
  await tab(doctor, words.title)
  await button(doctor, words.viewName('plaie.jpg')).click()
  await doctor.page.getByRole('img', { name: words.imageOf('plaie.jpg') }).waitFor()
  await doctor.page.keyboard.press('Escape')
  await see(anne, texts.sentOpened)

  await hook('file-input').setInputFiles({ name: 'notes.exe', mimeType: 'application/octet-stream', buffer: Buffer.from('MZ') })
  await see(anne, texts.fileType)
  // Chromium cannot read the photos of an iPhone.
  await hook('file-input').setInputFiles({ name: 'IMG_0001.HEIC', mimeType: 'image/heic', buffer: HEIC })
  await see(anne, texts.fileHeic)
  await anne.page.keyboard.press('Escape')
  await seeEachOther([doctor, anne])
  await endForAll(doctor)
  await atScreen(anne, 'end')
  const [download] = await Promise.all([anne.page.waitForEvent('download'), hook('received').locator('a, button').last().click()])
  const saved = join(out, 'journey-f.pdf')
  await download.saveAs(saved)
  assert.ok(readFileSync(saved).includes('Paracetamol'))
  assert.deepEqual(await violations(anne.page), [])
  world.noComplaints()
})
