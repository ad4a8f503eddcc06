import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startChromium } from '../lib/browsers.js'
import { DESK, enterCall, joinLink, open, PHONE, violations } from '../lib/pages.js'
import { loggedIn } from '../lib/portal.js'
import { startServer } from '../lib/server.js'
import { until } from '../lib/wait.js'

const CHEF = 'chef@cabinet.example'
const ADMINISTRATED = { CHEVET_CLINIC__ADMINISTRATORS: JSON.stringify([CHEF]) }

/** What a browser keeps of a session. */
const stateOf = ({ cookie: { name, value } }) => ({
  cookies: [{ name, value, domain: '127.0.0.1', path: '/', expires: -1, httpOnly: true, secure: false, sameSite: 'Lax' }],
  origins: [],
})
const button = (page, name) => page.getByRole('button', { name, exact: true })
const heading = (page, name) => page.getByRole('heading', { name, exact: true })

test('The first page has two doors, and what anybody may read opens without a login', { timeout: 120_000 }, async (t) => {
  const server = await startServer(t)
  const browser = await startChromium(t)
  const phone = await open(t, browser, `${server.http}/`, PHONE)
  const { page } = phone
  await heading(page, 'J’ai reçu une invitation').waitFor()
  await heading(page, 'Je suis un professionnel').waitFor()
  assert.deepEqual(await violations(page), [])
  await page.getByLabel('Lien reçu').fill('bonjour')
  await button(page, 'Ouvrir mon rendez-vous').click()
  await page.locator('.field-error').waitFor()
  await page.getByLabel('Lien reçu').fill(`Votre rendez-vous vidéo. Touchez ce lien : ${server.http}/c#abcdefghijklmnopqrstuv`)
  await button(page, 'Ouvrir mon rendez-vous').click()
  await page.waitForURL(/\/c$|\/c#/)
  await page.locator('.patient').waitFor()

  const desk = await open(t, browser, `${server.http}/aide`, DESK)
  for (const [path, title] of [['/aide', 'Aide'], ['/accessibilite', 'Déclaration d’accessibilité'], ['/confidentialite', 'Confidentialité']]) {
    await desk.page.goto(`${server.http}${path}`)
    await heading(desk.page, title).waitFor()
    assert.deepEqual(await violations(desk.page), [], path)
  }
  assert.equal(await desk.page.locator('.times > div').count(), 13)
  await desk.page.goto(`${server.http}/connexion`)
  assert.equal(await desk.page.getByRole('link', { name: /^Aide/ }).getAttribute('href'), '/aide')
  const manifest = await (await fetch(`${server.http}/manifest.webmanifest`)).json()
  for (const { src } of manifest.icons) assert.equal((await fetch(server.http + src)).status, 200, src)
  for (const { complaints } of [phone, desk]) assert.deepEqual(complaints, [])
})

test('The operator sees load, cost of a packet and why a picture is as large as it is, with a key and not without', { timeout: 180_000 }, async (t) => {
  const server = await startServer(t)
  const browser = await startChromium(t)
  for (const name of ['anne', 'bob']) await enterCall((await open(t, browser, joinLink(server, 'visite', name, name), DESK)).page)
  // In --dev rooms are open to everybody; here they are as on a real server.
  const lock = (route) => (route.request().headers().authorization === 'Bearer devkey:secret' ? route.continue() : route.fulfill({ status: 401, contentType: 'application/problem+json', body: '{"code":"unauthenticated"}' }))
  const operator = await open(t, browser, `${server.http}/test`, DESK)
  const { page } = operator
  await page.route('**/debug/rooms**', lock)
  await page.goto(`${server.http}/exploitation`)
  await page.getByLabel('Clé d’API').fill('devkey:wrong')
  await button(page, 'Voir les salles').click()
  await page.getByText('Le serveur refuse cette clé.').waitFor()
  assert.equal(await page.getByText('visite').count(), 0)
  await page.getByLabel('Clé d’API').fill('devkey:secret')
  await button(page, 'Voir les salles').click()
  await button(page, 'Détails de la salle visite').click()
  await heading(page, 'Qui reçoit quoi, et pourquoi').waitFor()
  await until('each picture has its reason', async () => /la plus petite qui remplit|qualité demandée|qu’une qualité/.test(await page.locator('main').textContent()), { why: operator.why })
  await until('a cost is measured', async () => /\d µs/.test(await page.locator('.plots').textContent()), { why: operator.why })
  assert.deepEqual(await violations(page), [])
  assert.ok(!JSON.stringify(await page.evaluate(() => ({ ...localStorage, ...sessionStorage }))).includes('devkey'), 'the key is not stored')
  await button(page, 'Mettre en pause').click()
  await page.getByText('En pause.').waitFor()
  assert.deepEqual(operator.complaints, [])
})

test('An administrator sets up the payment of a professional and a portal', { timeout: 180_000 }, async (t) => {
  const server = await startServer(t, { env: ADMINISTRATED })
  const chef = await loggedIn(server, CHEF, { first_name: 'Chef', exercise_name: 'Dubois-Castelnau de la Rochefoucauld', interests: [] })
  const doctor = await loggedIn(server, 'docteur@cabinet.example', { rpps: '12345678903' })
  await doctor.did('POST', '/api/v1/me/payment-activation')
  const browser = await startChromium(t)
  const desk = await open(t, browser, `${server.http}/connexion`, { ...DESK, storageState: stateOf(chef) })
  const { page } = desk
  await heading(page, 'Inscriptions').waitFor()
  assert.deepEqual(await violations(page), [])

  const parts = page.getByRole('navigation', { name: 'Parties de l’administration' })
  await parts.getByRole('link', { name: 'Paiement en ligne' }).click()
  await page.getByRole('button', { name: /^Saisir les clés/ }).click()
  await page.getByLabel('Prestataire').selectOption('stripe')
  await page.getByLabel(/^Clé secrète/).fill('mot de passe')
  await page.getByLabel(/^Secret des avis/).fill('whsec_abc')
  await page.getByRole('dialog').getByRole('button', { name: 'Enregistrer' }).click()
  await page.locator('.field-error').first().waitFor()
  assert.deepEqual(await violations(page), [])
  await page.getByLabel('Prestataire').selectOption('emulator')
  await page.getByRole('dialog').getByRole('button', { name: 'Enregistrer' }).click()
  await page.getByRole('button', { name: /^Essayer les clés/ }).click()
  await page.getByRole('button', { name: /^Activer/ }).click()
  await page.locator('.chip', { hasText: 'Activé' }).waitFor()
  assert.deepEqual(await violations(page), [])
  assert.equal((await doctor.did('GET', '/api/v1/me/payment-activation')).status, 'enabled')

  await parts.getByRole('link', { name: 'Clients API' }).click()
  await button(page, 'Nouveau client').click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Nom du portail').fill('Portail des Monts')
  await dialog.getByLabel(/^Pages autorisées/).fill('portail.example')
  await dialog.getByLabel('Montrer l’appel dans un cadre').check()
  await dialog.getByRole('button', { name: 'Créer le client' }).click()
  await dialog.locator('.field-error').waitFor()
  await dialog.getByLabel(/^Pages autorisées/).fill('https://portail.example')
  await dialog.getByRole('button', { name: 'Créer le client' }).click()
  assert.match(await page.getByLabel('Secret', { exact: true }).inputValue(), /^chs_/)
  assert.deepEqual(await violations(page), [])
  await dialog.getByRole('button', { name: 'Fermer' }).click()
  await page.getByText('https://portail.example').waitFor()
  assert.deepEqual(await violations(page), [])
  assert.deepEqual(desk.complaints, [])
})
