// The professional's tools around the call: documents in both directions, the signature, payment.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { appointment, enterCall, JEANNE, letIn, professional, seeEachOther } from '../lib/clinic.js'
import { linkSent } from '../lib/mail.js'
import { violations } from '../lib/pages.js'
import { out } from '../lib/paths.js'
import { begin, onward } from '../lib/patient.js'
import { ORDONNANCE, pdf } from '../lib/pdf.js'
import { button, field, fill, press, pressInDialog, see } from '../lib/press.js'
import { until } from '../lib/wait.js'
import { startWorld } from '../lib/world.js'

const file = (name, buffer, mimeType = 'application/pdf') => ({ name, mimeType, buffer })
const tab = ({ page }, name) => page.getByRole('tab', { name }).click()
const row = ({ page }, name) => page.locator('[data-test=document]', { hasText: name })
const picker = ({ page, words }) => page.getByLabel(words.deskDocuments.choose, { exact: true }).first()

/** What the patient's page may ask of the server, from that page. */
async function asks(patient, method, path, { json, bytes, headers = {} } = {}) {
  const answer = await patient.page.evaluate(async ([verb, where, token, given, raw, more]) => {
    const response = await fetch(where, {
      method: verb,
      headers: { 'x-csrf-token': token, ...(given === undefined ? {} : { 'content-type': 'application/json' }), ...more },
      ...(given !== undefined ? { body: JSON.stringify(given) } : raw !== undefined ? { body: Uint8Array.from(atob(raw), (c) => c.charCodeAt(0)) } : {}),
    })
    const buffer = new Uint8Array(await response.arrayBuffer())
    return { status: response.status, type: response.headers.get('content-type') ?? '', text: new TextDecoder('latin1').decode(buffer) }
  }, [method, path, patient.csrf(), json, bytes?.toString('base64'), headers])
  assert.ok(answer.status < 400, `${method} ${path}: ${answer.status} ${answer.text}`)
  return answer.type.includes('json') ? JSON.parse(answer.text) : answer.text
}

/** The patient, at the door; the token of the page is heard in passing. */
async function patientWaits(world) {
  const patient = await world.onPhone(await linkSent(world.server, 'mails', '/c'))
  let token = ''
  patient.page.on('request', (request) => (token = request.headers()['x-csrf-token'] ?? token))
  await begin(patient)
  await onward(patient, '02/03/1941')
  return { ...patient, csrf: () => token }
}

/** Both in the call. */
async function together(world, doctor) {
  await appointment(doctor, { email: 'anne@maison.example' })
  const patient = await patientWaits(world)
  await enterCall(doctor)
  await letIn(doctor)
  await seeEachOther([doctor, patient])
  return patient
}

test('Documents go both ways in the call: sent after a gap in the network, opened, received, checked, withdrawn', { timeout: 420_000 }, async (t) => {
  const world = await startWorld(t)
  const { deskDocuments: words } = world.words
  const doctor = await professional(world)
  const { page } = doctor
  const patient = await together(world, doctor)
  await tab(doctor, words.title)
  await see(doctor, words.none)
  assert.deepEqual(await violations(page), [])

  // Large enough for several pieces; two of them get lost on the way.
  const padded = Buffer.concat([pdf(ORDONNANCE), Buffer.from(`%${'x'.repeat(700_000)}\n%%EOF\n`)])
  let lost = 0
  await page.route('**/upload', (route) => (route.request().method() === 'PUT' && lost < 2 ? ((lost += 1), route.abort('connectionfailed')) : route.continue()))
  await picker(doctor).setInputFiles(file('Ordonnance.pdf', padded))
  assert.equal(await field(doctor, words.category).inputValue(), 'prescription')
  assert.deepEqual(await violations(page), [])
  await press(doctor, words.send)
  await row(doctor, 'Ordonnance').getByText(words.states.handedOver).waitFor()
  assert.equal(lost, 2)
  await page.unroute('**/upload')
  assert.deepEqual(await violations(page), [])

  const [sent] = await asks(patient, 'GET', '/p/v1/documents')
  assert.deepEqual([sent.category, sent.name, sent.size], ['prescription', 'Ordonnance.pdf', padded.length])
  assert.ok((await asks(patient, 'GET', `/p/v1/documents/${sent.id}/content`)).startsWith('%PDF-'))
  await row(doctor, 'Ordonnance').getByText(words.states.openedByReader, { exact: true }).waitFor()
  assert.equal(await button(doctor, words.withdrawName('Ordonnance.pdf')).count(), 0, 'what was opened is not taken back')

  const photo = await page.screenshot({ clip: { x: 0, y: 0, width: 64, height: 48 } })
  const sha256 = createHash('sha256').update(photo).digest('hex')
  const { document } = await asks(patient, 'POST', '/p/v1/documents', { json: { name: 'plaie.png', size: photo.length, sha256, category: 'photo' } })
  await asks(patient, 'PUT', `/p/v1/documents/${document.id}/upload`, { bytes: photo, headers: { 'content-range': `bytes 0-${photo.length - 1}/${photo.length}` } })
  await asks(patient, 'POST', `/p/v1/documents/${document.id}/complete`, { json: {} })
  await see(doctor, words.received('plaie.png'))
  const tray = page.locator('.doc-tray')
  await tray.getByText('plaie.png').waitFor()
  assert.deepEqual(await violations(page), [])
  await button(doctor, words.viewName('plaie.png')).click()
  const picture = page.getByRole('img', { name: words.imageOf('plaie.png') })
  await picture.waitFor()
  await until('the picture is drawn', () => picture.evaluate((image) => image.naturalWidth === 64))
  assert.deepEqual(await violations(page), [])
  await page.keyboard.press('Escape')
  await row(doctor, 'plaie.png').getByText(words.states.read).waitFor()
  assert.equal(await tray.count(), 0)

  await button(doctor, words.viewName('Ordonnance.pdf')).click()
  await page.locator('.pdf-sheet', { hasText: 'Paracetamol' }).waitFor({ state: 'attached' })
  await until('the page is drawn', () => page.locator('.pdf-sheet canvas').evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    return data.some((value, at) => at % 4 === 0 && value < 100 && data[at + 3] > 0)
  }))
  assert.deepEqual(await violations(page), [])
  await page.keyboard.press('Escape')

  await picker(doctor).setInputFiles(file('Certificat.pdf', pdf(['Certificat'])))
  await press(doctor, words.send)
  await row(doctor, 'Certificat').getByText(words.states.handedOver).waitFor()
  await button(doctor, words.withdrawName('Certificat.pdf')).click()
  await pressInDialog(doctor, words.withdraw)
  await row(doctor, 'Certificat').getByText(words.states.withdrawn, { exact: true }).waitFor()
  await picker(doctor).setInputFiles(file('notes.txt', Buffer.from('du texte'), 'text/plain'))
  await press(doctor, words.send)
  await see(doctor, words.rejections['file-type-not-allowed'])
  world.noComplaints()
})

test('A signature is made by typing, placed on a page from a list and by keys, and the patient gets the signed document', { timeout: 420_000 }, async (t) => {
  const world = await startWorld(t)
  const { deskDocuments: words } = world.words
  const doctor = await professional(world)
  const { page } = doctor
  await page.goto(`${world.server.http}/compte`)
  await press(doctor, words.signatureMake)
  await page.getByRole('tab', { name: words.wayType }).click()
  await fill(doctor, words.typedName, 'Dr Jeanne Martin')
  assert.deepEqual(await violations(page), [])
  await press(doctor, words.signatureSave)
  await page.getByRole('img', { name: words.signatureNow }).waitFor()
  assert.deepEqual(await violations(page), [])

  const patient = await together(world, doctor)
  await tab(doctor, words.title)
  await picker(doctor).setInputFiles(file('Ordonnance.pdf', pdf(['Page de garde'], ORDONNANCE)))
  await press(doctor, words.signThenSend)
  const box = page.getByRole('button', { name: words.signBox })
  await box.waitFor()
  assert.deepEqual(await violations(page), [])
  await field(doctor, words.signPlace).selectOption('under-last-line')
  await page.getByText(words.signAt(2, 65, 25)).or(page.getByText(words.signAt(2, 65, 26))).or(page.getByText(words.signAt(2, 65, 27))).waitFor()
  await box.focus()
  for (const key of ['ArrowLeft', 'ArrowLeft', 'ArrowDown']) await page.keyboard.press(key)
  await page.getByText(/à 61\s% de la gauche/).waitFor()
  await press(doctor, words.signAndSend)
  await row(doctor, 'Ordonnance').getByText(words.signed.pades_seal).waitFor()

  const documents = await asks(patient, 'GET', '/p/v1/documents')
  assert.deepEqual(documents.map(({ signed, version }) => [signed, version]), [['pades_seal', 2]], 'the patient never gets the unsigned one')
  const content = await asks(patient, 'GET', `/p/v1/documents/${documents[0].id}/content`)
  assert.match(content, /ETSI\.CAdES\.detached/)
  assert.equal(await button(doctor, words.signName(documents[0].name)).count(), 0, 'a sealed document is not signed again')
  world.noComplaints()
})

test('Payment is activated, asked for in the call, paid on the page of the provider, shown at once and refunded in part', { timeout: 420_000 }, async (t) => {
  const world = await startWorld(t, { env: { CHEVET_CLINIC__ADMINISTRATORS: JSON.stringify([JEANNE.email]) } })
  const { payment: words } = world.words
  const doctor = await professional(world)
  const { page } = doctor
  await page.goto(`${world.server.http}/compte`)
  await press(doctor, words.activate)
  await see(doctor, words.activationStates.requested)
  assert.deepEqual(await violations(page), [])
  await page.evaluate(async () => {
    const { csrf_token: token } = await (await fetch('/api/v1/auth/session')).json()
    const [{ id }] = (await (await fetch('/api/v1/payment-accounts')).json()).items
    for (const [method, path, body] of [['PUT', 'credentials', '{"provider":"emulator"}'], ['POST', 'test'], ['POST', 'enable']]) {
      const response = await fetch(`/api/v1/payment-accounts/${id}/${path}`, { method, body, headers: { 'X-CSRF-Token': token, 'Content-Type': 'application/json', 'If-Match': '*' } })
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    }
  })

  const patient = await together(world, doctor)
  await tab(doctor, words.title)
  await fill(doctor, words.amount, 'vingt-cinq')
  await press(doctor, words.ask)
  await see(doctor, words.badAmount)
  await fill(doctor, words.amount, '25,00')
  await press(doctor, words.ask)
  await page.locator('[data-test=payment]', { hasText: words.states.requested }).waitFor()
  assert.deepEqual(await violations(page), [])

  const [asked] = await asks(patient, 'GET', '/p/v1/payments')
  assert.equal(asked.amount_cents, 2500)
  const { url } = await asks(patient, 'POST', `/p/v1/payments/${asked.id}/open`)
  const shop = await world.atDesk(url)
  await Promise.all([shop.page.waitForURL(/payments\/back/), shop.page.getByRole('button', { name: 'Payer' }).click()])
  await page.locator('[data-test=payment]').getByText(/Payé 25,00\s€ à \d\d:\d\d/).waitFor()
  assert.deepEqual(await violations(page), [])
  await button(doctor, words.refundOf('25,00 €')).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel(words.amount).fill('10')
  assert.deepEqual(await violations(page), [])
  await pressInDialog(doctor, words.refund)
  await page.locator('[data-test=payment]').getByText(words.states.partially_refunded).waitFor()
  const [download] = await Promise.all([page.waitForEvent('download'), button(doctor, words.receiptOf('25,00 €')).click()])
  const saved = join(out, 'receipt.pdf')
  await download.saveAs(saved)
  assert.equal(readFileSync(saved).subarray(0, 5).toString(), '%PDF-')
  await seeEachOther([doctor, patient])
  // The provider's page sends the patient back to the server.
  world.noComplaints(/\/p\/v1\/payments\/back$/)
})
