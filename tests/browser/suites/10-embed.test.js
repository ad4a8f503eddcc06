import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { startChromium } from '../lib/browsers.js'
import { linkSent, loggedIn } from '../lib/portal.js'
import { framesShown, open, PHONE, violations } from '../lib/pages.js'
import { root } from '../lib/paths.js'
import { end } from '../lib/processes.js'
import { freePort, startServer } from '../lib/server.js'
import { until } from '../lib/wait.js'

const DOCTOR = 'docteur@cabinet.example'

/** A server with a professional, who administrates it too, and a client for a portal at `origin`. */
async function clinicFor(t, origin) {
  const server = await startServer(t, { env: { CHEVET_CLINIC__ADMINISTRATORS: JSON.stringify([DOCTOR]) } })
  const doctor = await loggedIn(server, DOCTOR)
  const made = await doctor.did('POST', '/api/v1/api-clients', { name: 'Portail', scopes: ['consultations:write', 'embed:write'], allowed_origins: [origin] })
  return { server, doctor, client: made.client.id, secret: made.client_secret }
}

/** The portal of docs/examples, as its README says to start it. */
async function startPortal(t, port, { server, doctor, client, secret }) {
  const child = spawn(process.execPath, [join(root, 'docs/examples/portal/server.js')], {
    env: { PATH: process.env.PATH, CHEVET_URL: server.http, CLIENT_ID: client, CLIENT_SECRET: secret, PROFESSIONAL: doctor.id, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => end(child))
  let printed = ''
  child.stdout.on('data', (text) => (printed += text))
  await until('the portal listens', () => printed.includes('http://'), { every: 50 })
}

const told = (page) => page.locator('#messages li').evaluateAll((lines) => lines.map((line) => line.dataset.type))

test('A portal of another origin holds the call in a frame, hears what happens in it, and the token serves once', { timeout: 300_000 }, async (t) => {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const clinic = await clinicFor(t, origin)
  const { server } = clinic
  await startPortal(t, port, clinic)
  const browser = await startChromium(t)
  const desk = await open(t, browser, origin, { locale: 'fr-FR', viewport: { width: 1280, height: 1000 } })
  const { page } = desk
  const hears = (type) => until(`the portal hears ${type}`, async () => (await told(page)).includes(type), { why: async () => `${await desk.why()}\n${await told(page)}\n${server.tail()}` })

  await page.getByLabel('Mobile du patient').fill('06 12 34 56 78')
  await page.getByRole('button', { name: 'Appeler en vidéo' }).click()
  await hears('ready')
  const frame = page.frames().find((each) => each.url().startsWith(server.http))
  assert.ok(!frame.url().includes('#'), 'the token leaves the address')
  await frame.getByRole('button', { name: 'Entrer dans l’appel' }).click()
  const allow = frame.locator('[data-test=allow]')
  const enter = frame.locator('[data-test=enter]')
  await allow.or(enter).first().waitFor()
  if (await allow.isVisible()) await Promise.race([allow.click().catch(() => undefined), enter.waitFor()])
  await enter.click()
  await hears('joined')
  await hears('waiting_patient')

  const phone = await open(t, browser, await linkSent(server, 'sms', '/c'), PHONE)
  await phone.page.click('[data-test=begin]')
  await phone.page.click('[data-test=accept]')
  await phone.page.click('[data-test=skip-place]')
  const allowed = phone.page.locator('[data-test=allow]')
  const checked = phone.page.locator('[data-test=checked]')
  await allowed.or(checked).first().waitFor()
  if (await allowed.isVisible()) await Promise.race([allowed.click().catch(() => undefined), checked.waitFor()])
  await checked.click()
  await hears('patient_waiting')
  await frame.getByRole('button', { name: /^Faire entrer/ }).click()
  for (const seen of [frame, phone.page]) {
    await until('two pictures move', async () => {
      const frames = Object.values(await framesShown(seen))
      return frames.length === 2 && frames.every((count) => count > 10)
    }, { why: desk.why })
  }
  assert.deepEqual(await violations(frame), [])

  // A program of the portal transcribes: its words are shown in the frame.
  await page.evaluate((frameOrigin) => document.querySelector('iframe').contentWindow.postMessage({ source: 'portal', version: 1, type: 'caption', id: '1', text: 'Bonjour docteur.', final: true }, frameOrigin), server.http)
  await frame.locator('.captions', { hasText: 'Bonjour docteur.' }).waitFor()

  await frame.getByRole('button', { name: 'Terminer pour tous' }).click()
  await frame.getByRole('dialog').getByRole('button', { name: 'Terminer pour tous' }).click()
  await hears('ended')
  const said = await page.locator('#messages').textContent()
  assert.ok(!/Martin|06 12|\+336/.test(said), `no person in what is told: ${said}`)
  assert.ok(!(await frame.getByRole('navigation').isVisible()), 'one consultation, and nowhere else to go')
  assert.deepEqual(desk.complaints, [])
})

test('A link that was used once, and a page of another origin, get nothing', { timeout: 120_000 }, async (t) => {
  const stranger = createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html')
    response.end('<!doctype html><title>Portail</title><p id="heard"></p>')
  })
  await new Promise((resolve) => stranger.listen(0, '127.0.0.1', resolve))
  t.after(() => stranger.close())
  const allowed = `http://127.0.0.1:${stranger.address().port}`
  const { server, doctor, client, secret } = await clinicFor(t, allowed)
  const portal = { Authorization: `Bearer ${secret}`, Cookie: '' }
  const { id } = await doctor.did('POST', '/api/v1/consultations', { kind: 'immediate', phone: '0612345678', professional_id: doctor.id }, portal)
  const wanted = { consultation_id: id, professional_ref: doctor.id, origin: allowed }
  const { embed_url: link } = await doctor.did('POST', '/api/v1/embed-sessions', wanted, portal)
  assert.ok(link.startsWith(`${server.http}/integration/${client}#`))

  const browser = await startChromium(t)
  const show = async (page, url) => page.evaluate((src) => {
    addEventListener('message', ({ data, origin }) => (document.getElementById('heard').textContent += ` ${origin} ${data.type} ${data.code ?? ''}`))
    const frame = document.createElement('iframe')
    frame.title = 'Téléconsultation'
    frame.src = src
    document.body.append(frame)
  }, url)

  // The same machine by another name is another origin, which the client does not list.
  const outside = await open(t, browser, allowed.replace('127.0.0.1', 'localhost'))
  await show(outside.page, link)
  await until('the browser refuses the frame', () => outside.complaints.some((line) => line.includes('frame-ancestors')), { why: outside.why })

  // Nobody has used the link: the refused frame never ran.
  const inside = await open(t, browser, allowed)
  await show(inside.page, link)
  await until('the frame is ready', async () => (await inside.page.locator('#heard').textContent()).includes(`${server.http} ready`), { why: inside.why })
  const again = await open(t, browser, allowed)
  await show(again.page, link)
  await until('the second use is refused', async () => (await again.page.locator('#heard').textContent()).includes('error link-unknown'), { why: again.why })
  const frame = again.page.frames().find((each) => each.url().startsWith(server.http))
  await frame.getByRole('heading', { name: 'La téléconsultation ne s’ouvre pas' }).waitFor()
  assert.deepEqual(await violations(frame), [])
})
