import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { join } from 'node:path'
import { appendFileSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { startChromium } from '../lib/browsers.js'
import { framesShown, violations } from '../lib/pages.js'
import { out, slug } from '../lib/paths.js'
import { startServer } from '../lib/server.js'
import { until } from '../lib/wait.js'

const DESK = { locale: 'fr-FR', viewport: { width: 1280, height: 800 } }
const PHONE = { locale: 'fr-FR', viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }
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

/** A page that remembers what it complained about. */
async function open(t, browser, address, options) {
  const page = await browser.newPage(options)
  const log = join(out, `${slug(t.name)}.page.log`)
  const complaints = []
  page.on('console', (message) => {
    appendFileSync(log, `${message.type()} ${message.text()}\n`)
    if (/Content.Security.Policy|Refused to/i.test(message.text())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  await page.goto(address)
  const why = () => `${page.url()}\n${complaints.join('\n')}\n${readFileSync(log, { flag: 'a+', encoding: 'utf8' }).split('\n').slice(-20).join('\n')}`
  return { page, complaints, why }
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

test('A professional registers, calls a patient by short message and lets the patient in: they see each other', { timeout: 300_000 }, async (t) => {
  const server = await startServer(t)
  const browser = await startChromium(t)
  const { page: desk, complaints, why } = await open(t, browser, `${server.http}/inscription`, DESK)
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
  const secret = await desk.locator('.pro-secret').textContent()
  await fill(desk, 'Code à 6 chiffres', oneTimeCode(secret))
  await press(desk, 'Confirmer')
  await press(desk, 'J’ai noté mes codes')
  await desk.getByRole('heading', { name: 'Mes Téléconsultations' }).waitFor()
  assert.deepEqual(await violations(desk), [])

  await press(desk, 'Appel immédiat')
  await fill(desk, 'Mobile du patient', '06 12 34 56 78')
  await press(desk, 'Envoyer le SMS')
  const { page: phone, complaints: onPhone, why: phoneWhy } = await open(t, browser, await linkSent(server, 'sms', '/c'), PHONE)
  phone.setDefaultTimeout(20_000)
  await phone.locator('[data-test=begin]').waitFor()
  assert.deepEqual(await violations(phone), [])
  await phone.click('[data-test=begin]')
  await phone.click('[data-test=accept]')
  await phone.click('[data-test=skip-place]')
  // A browser that allows the camera already is not asked, and nothing is explained.
  const allow = phone.locator('[data-test=allow]')
  const checked = phone.locator('[data-test=checked]')
  await allow.or(checked).first().waitFor()
  if (await allow.isVisible()) await Promise.race([allow.click().catch(() => undefined), checked.waitFor()])
  await checked.click()
  await phone.locator('[data-test=patient-waiting]').waitFor()
  assert.deepEqual(await violations(phone), [])

  await press(desk, 'Entrer dans l’appel')
  await desk.waitForURL(/mes-teleconsultations\/cs_/)
  await press(desk, 'Entrer dans l’appel')
  const enter = desk.locator('[data-test=enter]')
  const permit = desk.locator('[data-test=allow]')
  await enter.or(permit).first().waitFor()
  if (await permit.isVisible()) await Promise.race([permit.click().catch(() => undefined), enter.waitFor()])
  await enter.click()
  await desk.getByRole('button', { name: /^Faire entrer/ }).click()

  for (const [page, reason] of [[desk, why], [phone, phoneWhy]]) {
    await until('two pictures move', async () => {
      const frames = Object.values(await framesShown(page))
      return frames.length === 2 && frames.every((count) => count > 10)
    }, { why: reason })
  }
  assert.deepEqual(await violations(phone), [])
  assert.deepEqual(complaints, [])
  assert.deepEqual(onPhone, [])
})
