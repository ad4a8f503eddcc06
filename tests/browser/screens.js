// Makes the picture of the README: a call of two on the real pages, through a real server.
//   node screens.js            -> docs/screens/call.png
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startChromium } from './lib/browsers.js'
import { enterCall, joinLink } from './lib/pages.js'
import { root } from './lib/paths.js'
import { DOCTOR, PATIENT, portraitCamera } from './lib/portrait.js'
import { startServer } from './lib/server.js'
import { sleep, until } from './lib/wait.js'

const cleanups = []
const t = { name: 'screens', after: (cleanup) => cleanups.push(cleanup) }
const screens = join(root, 'docs', 'screens')
mkdirSync(screens, { recursive: true })
try {
  const server = await startServer(t)
  const browser = await startChromium(t)
  const open = async (identity, name, portrait, viewport) => {
    const page = await browser.newPage({ locale: 'fr-FR', viewport })
    await page.addInitScript(portraitCamera, portrait)
    await page.goto(joinLink(server, 'consultation-du-matin', identity, name))
    await enterCall(page)
    return page
  }
  const doctor = await open('medecin', 'Dr Camille Lefèvre', DOCTOR, { width: 1280, height: 800 })
  const patient = await open('patient', 'Jeanne Moreau', PATIENT, { width: 360, height: 740 })
  await until('they see each other', async () => (await doctor.locator('.tile video').count()) === 2)
  await patient.click('[data-test=files]')
  await patient.locator('.files-input').setInputFiles({ name: 'photo-genou.jpg', mimeType: 'image/jpeg', buffer: Buffer.alloc(182_000, 7) })
  await doctor.locator('[data-test=files]').click()
  await doctor.locator('.transfer[data-state=done]').waitFor()
  // Once the word of the arrival has gone and the larger layers have come.
  await sleep(9000)
  await doctor.screenshot({ path: join(screens, 'call.png') })
  await patient.locator('.files .button-round').click()
  await patient.screenshot({ path: join(screens, 'call-phone.png') })
} finally {
  for (const cleanup of cleanups.reverse()) await cleanup()
}
