import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startChromium } from '../lib/browsers.js'
import { DESK, framesShown, open, PHONE, violations } from '../lib/pages.js'
import { out } from '../lib/paths.js'
import { startServer } from '../lib/server.js'
import { until } from '../lib/wait.js'

const PASSWORD = 'sept tortues grises au marché'

/** RFC 6238 with its defaults, as an authenticator on a telephone. */
function oneTimeCode(secret) {
  const bits = [...secret].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)))
  const digest = createHmac('sha1', key).update(counter).digest()
  return String((digest.readUInt32BE(digest[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

const press = (page, name) => page.getByRole('button', { name, exact: true }).click()
const fill = (page, label, text) => page.getByLabel(label, { exact: true }).fill(text)

/** The link in the last message that fits, as the emulators of the outside world keep it. */
async function linkSent(server, kind, path) {
  return until(`a message with ${path}`, async () => {
    const sent = await (await fetch(`${server.http}/dev/outbox/messages`)).json()
    const links = sent[kind].flatMap(({ text }) => text.match(new RegExp(`http\\S*${path}#[\\w-]+`, 'g')) ?? [])
    return links.at(-1)
  }, { why: server.tail })
}

/** A professional who registers, confirms the address by mail, sets up the second factor and is at the list. */
async function professional(t, server, browser) {
  const opened = await open(t, browser, `${server.http}/inscription`, DESK)
  const { page: desk } = opened
  desk.setDefaultTimeout(20_000)
  await desk.getByLabel('Prénom').fill('Jeanne')
  await desk.getByLabel('Nom d’exercice').fill('Martin')
  await desk.getByLabel('Profession', { exact: true }).selectOption('10')
  await desk.getByLabel('Numéro RPPS (11 chiffres)').fill('10101010105')
  await fill(desk, 'Adresse e-mail professionnelle', 'docteur@cabinet.example')
  await fill(desk, 'Adresse e-mail, une seconde fois', 'docteur@cabinet.example')
  await fill(desk, 'Nouveau mot de passe', PASSWORD)
  await desk.getByLabel(/J’accepte les conditions/).check()
  assert.deepEqual(await violations(desk), [])
  await press(desk, 'S’inscrire')
  await desk.getByRole('heading', { name: 'Vérifiez vos mails' }).waitFor()

  await desk.goto(await linkSent(server, 'mails', '/inscription/confirmer'))
  await press(desk, 'Confirmer mon adresse')
  await desk.getByText('Votre inscription est validée.').waitFor()
  await desk.goto(`${server.http}/connexion`)
  await fill(desk, 'Adresse e-mail professionnelle', 'docteur@cabinet.example')
  await fill(desk, 'Mot de passe', PASSWORD)
  assert.deepEqual(await violations(desk), [])
  await press(desk, 'Se connecter')
  await desk.getByRole('heading', { name: 'Protéger votre compte' }).waitFor()
  await press(desk, 'Commencer')
  await fill(desk, 'Code à 6 chiffres', oneTimeCode(await desk.locator('.pro-secret').textContent()))
  await press(desk, 'Confirmer')
  await press(desk, 'J’ai noté mes codes')
  await desk.getByRole('heading', { name: 'Mes Téléconsultations' }).waitFor()
  assert.deepEqual(await violations(desk), [])
  return opened
}

/** A patient's telephone, from the link to the waiting room. `identify` answers the question that is asked first. */
async function patient(t, browser, link, identify = async () => undefined) {
  const opened = await open(t, browser, link, PHONE)
  const { page: phone } = opened
  phone.setDefaultTimeout(20_000)
  await phone.locator('[data-test=begin]').waitFor()
  assert.deepEqual(await violations(phone), [])
  await phone.click('[data-test=begin]')
  await identify(phone)
  await phone.click('[data-test=accept]')
  await phone.click('[data-test=skip-place]')
  await permitted(phone, '[data-test=checked]')
  await phone.locator('[data-test=patient-waiting]').waitFor()
  assert.deepEqual(await violations(phone), [])
  return opened
}

/** Allows the devices where the page asks (a browser that knows the answer is not asked), then goes on. */
async function permitted(page, onward) {
  const allow = page.locator('[data-test=allow]')
  const next = page.locator(onward)
  await allow.or(next).first().waitFor()
  if (await allow.isVisible()) await Promise.race([allow.click().catch(() => undefined), next.waitFor()])
  await next.click()
}

/** From the page of the consultation into the call; lets the one who waits in; both see two moving pictures. */
async function callTogether(desk, phone) {
  await press(desk.page, 'Entrer dans l’appel')
  await permitted(desk.page, '[data-test=enter]')
  await desk.page.getByRole('button', { name: /^Faire entrer/ }).click()
  for (const { page, why } of [desk, phone]) {
    await until('two pictures move', async () => {
      const frames = Object.values(await framesShown(page))
      return frames.length === 2 && frames.every((count) => count > 10)
    }, { why })
  }
  assert.deepEqual(await violations(desk.page), [])
  assert.deepEqual(await violations(phone.page), [])
}

/** The professional ends it for everybody, and the patient's telephone says so. */
async function endForAll(desk, phone) {
  await press(desk.page, 'Terminer pour tous')
  await desk.page.getByRole('dialog').getByRole('button', { name: 'Terminer pour tous' }).click()
  await phone.page.locator('[data-test=patient-end]').waitFor()
  assert.deepEqual(await violations(phone.page), [])
}

test('A professional registers, calls a patient by short message and lets the patient in: they see each other until it ends', { timeout: 300_000 }, async (t) => {
  const server = await startServer(t)
  const browser = await startChromium(t)
  const desk = await professional(t, server, browser)
  await press(desk.page, 'Appel immédiat')
  await fill(desk.page, 'Mobile du patient', '06 12 34 56 78')
  await press(desk.page, 'Envoyer le SMS')
  const phone = await patient(t, browser, await linkSent(server, 'sms', '/c'))
  await press(desk.page, 'Entrer dans l’appel')
  await desk.page.waitForURL(/mes-teleconsultations\/cs_/)
  await callTogether(desk, phone)
  await endForAll(desk, phone)
  for (const { complaints } of [desk, phone]) assert.deepEqual(complaints, [])
})

test('An appointment by mail asks who comes, and ends with a validated form, a report and everything in one archive', { timeout: 300_000 }, async (t) => {
  const server = await startServer(t)
  const browser = await startChromium(t)
  const desk = await professional(t, server, browser)
  const { page } = desk
  await press(page, 'Nouveau rendez-vous')
  await page.getByLabel('Nom de naissance').fill('Lefèvre')
  await page.getByLabel('Prénoms').fill('Anne')
  await page.getByLabel('Date de naissance').fill('1941-03-02')
  await page.getByLabel('Envoyer le lien').selectOption('email')
  await page.getByLabel('E-mail').fill('anne@maison.example')
  await page.getByLabel('Quand').selectOption('now')
  assert.deepEqual(await violations(page), [])
  await press(page, 'Créer et inviter')
  const phone = await patient(t, browser, await linkSent(server, 'mails', '/c'), async (theirs) => {
    const question = theirs.locator('[name=answer]')
    const consent = theirs.locator('[data-test=accept]')
    await question.or(consent).first().waitFor()
    if (await consent.isVisible()) return
    await question.fill('3 février 1941')
    await theirs.click('[data-test=answer]')
    await theirs.locator('.field-error').waitFor()
    await question.fill('02/03/1941')
    await theirs.click('[data-test=answer]')
  })
  await page.waitForURL(/mes-teleconsultations\/cs_/)
  await callTogether(desk, phone)
  await endForAll(desk, phone)

  await page.getByRole('heading', { name: 'Téléconsultation : Anne Lefèvre' }).waitFor()
  for (const field of await page.locator('fieldset textarea').all()) await field.fill('Toux depuis trois jours, apyrétique.')
  assert.deepEqual(await violations(page), [])
  await press(page, 'Valider le formulaire')
  await page.getByRole('dialog').getByRole('button', { name: 'Valider le formulaire' }).click()
  await page.getByText('Formulaire validé.').waitFor()
  for (const [button, magic] of [[/Télécharger la version 1/, '%PDF-'], [/ZIP|Tout télécharger/, 'PK']]) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: button }).first().click()])
    const saved = join(out, `clinic-${download.suggestedFilename()}`)
    await download.saveAs(saved)
    assert.equal(readFileSync(saved).subarray(0, magic.length).toString('latin1'), magic)
  }
  for (const { complaints } of [desk, phone]) assert.deepEqual(complaints, [])
})
