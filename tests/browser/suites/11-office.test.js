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
  for (const [path, title] of [['/aide', 'Aide'], ['/accessibilite', 'Déclaration d’accessibilité'], ['/mentions-legales', 'Mentions légales'], ['/confidentialite', 'Confidentialité']]) {
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

test('An administrator settles contact and times, blocks an account, tries a service and proves the trail whole', { timeout: 180_000 }, async (t) => {
  const server = await startServer(t, { env: ADMINISTRATED })
  const chef = await loggedIn(server, CHEF, { first_name: 'Chef', interests: [] })
  const doctor = await loggedIn(server, 'docteur@cabinet.example', { rpps: '12345678903' })
  const browser = await startChromium(t)
  const desk = await open(t, browser, `${server.http}/admin/reglages`, { ...DESK, storageState: stateOf(chef) })
  const { page } = desk
  await page.getByLabel(/^Horaires/).fill('Lundi à vendredi, 8 h à 18 h')
  await page.getByLabel(/^Adresse e-mail/).fill('aide@chevet.example')
  await page.getByLabel('Dossier, documents et comptes rendus').fill('4000')
  await button(page, 'Enregistrer').click()
  await page.locator('.field-error').waitFor()
  assert.deepEqual(await violations(page), [])
  await page.getByLabel('Dossier, documents et comptes rendus').fill('12.5')
  await button(page, 'Enregistrer').click()
  await page.getByText('C’est enregistré.').first().waitFor()
  const kept = await chef.did('GET', '/api/v1/retention')
  assert.equal(kept.find((row) => row.kept === 'dossier').hours, 300)
  const help = await open(t, browser, `${server.http}/aide`, PHONE)
  await help.page.getByText('Lundi à vendredi, 8 h à 18 h').waitFor()
  assert.deepEqual(await violations(help.page), [])

  await page.goto(`${server.http}/admin/utilisateurs`)
  await page.getByLabel('Adresse e-mail exacte').fill('docteur@cabinet.example')
  await button(page, 'Chercher').click()
  const card = page.locator('.card', { hasText: 'docteur@cabinet.example' })
  await card.getByRole('button', { name: /^Bloquer/ }).click()
  assert.deepEqual(await violations(page), [])
  await page.getByRole('dialog').getByRole('button', { name: 'Bloquer' }).click()
  await card.locator('.chip', { hasText: 'Bloqué' }).waitFor()
  await assert.rejects(doctor.did('GET', '/api/v1/me'), /401/)
  await card.getByRole('button', { name: /^Débloquer/ }).click()
  await card.locator('.chip', { hasText: 'Actif' }).waitFor()
  await card.getByRole('button', { name: /^Changer les rôles/ }).click()
  await page.getByRole('dialog').getByLabel('Support', { exact: true }).check()
  assert.deepEqual(await violations(page), [])
  await page.getByRole('dialog').getByRole('button', { name: 'Enregistrer' }).click()
  await card.locator('.chip', { hasText: 'Support' }).waitFor()

  await page.goto(`${server.http}/admin/services`)
  await page.getByRole('button', { name: 'Essayer : Mails' }).click()
  await page.getByText(/^Le service répond/).waitFor()
  assert.deepEqual(await violations(page), [])

  await page.goto(`${server.http}/admin/journal`)
  await button(page, 'Vérifier maintenant').click()
  await page.getByText(/^Le journal est entier/).waitFor()
  await page.getByLabel('Action').selectOption('auth.')
  await until('the trail shows logins only', async () => {
    const shown = await page.locator('tbody th code').allTextContents()
    return shown.length > 0 && shown.every((action) => action.startsWith('auth.'))
  }, { why: desk.why })
  assert.deepEqual(await violations(page), [])
  for (const { complaints } of [desk, help]) assert.deepEqual(complaints, [])
})

test('A professional sends a diagnostic, and support finds it by its code without a name in it', { timeout: 180_000 }, async (t) => {
  const server = await startServer(t, { env: ADMINISTRATED })
  const chef = await loggedIn(server, CHEF, { first_name: 'Chef', interests: [] })
  const doctor = await loggedIn(server, 'docteur@cabinet.example', { rpps: '12345678903' })
  await chef.did('PUT', `/api/v1/admin/users/${chef.id}/roles`, { roles: ['org_admin', 'support'], works_for: [] })
  const browser = await startChromium(t)
  const stranger = await open(t, browser, `${server.http}/aide`, PHONE)
  await button(stranger.page, 'Envoyer un diagnostic').click()
  await stranger.page.getByText('Connectez-vous d’abord').waitFor()

  const desk = await open(t, browser, `${server.http}/aide`, { ...DESK, storageState: stateOf(doctor) })
  await button(desk.page, 'Envoyer un diagnostic').click()
  await desk.page.locator('.code-spoken').waitFor()
  assert.deepEqual(await violations(desk.page), [])
  const code = (await desk.page.locator('.code-spoken [aria-hidden]').textContent()).trim()
  assert.match(code, /^[A-Z0-9]{6}$/)

  const support = await open(t, browser, `${server.http}/support`, { ...DESK, storageState: stateOf(chef) })
  const { page } = support
  await page.getByLabel('Code du diagnostic').fill('AAAAAA')
  await button(page, 'Afficher').click()
  await page.locator('.field-error').waitFor()
  await page.getByLabel('Code du diagnostic').fill(code.toLowerCase())
  await button(page, 'Afficher').click()
  await heading(page, 'Appareil et réseau').waitFor()
  await page.getByText(/chrome \d+/).waitFor()
  assert.deepEqual(await violations(page), [])
  const shown = await page.locator('main').textContent()
  assert.ok(!/Jeanne|Martin|docteur@/.test(shown), shown)
  for (const { complaints } of [stranger, desk, support]) assert.deepEqual(complaints, [])
})
