// The gallery: every screen of the pages at a desk and on a telephone, in docs/screens. `node screenshots.js call` for
// one part, `node screenshots.js call captions` for those of its screens whose name has this in it.
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './lib/paths.js'
import { fewerColours } from './lib/png.js'
import { sleep } from './lib/wait.js'
import { startWorld } from './lib/world.js'
import { PARTS } from './tour/index.js'

const SIZES = [
  { suffix: '', width: 1280, height: 800 },
  { suffix: '-phone', width: 360, height: 740 },
]
/** What is dearer is kept with fewer colours: 256 where there is a camera's picture, 128 for words. */
const BYTES_MAX = 20_000
/** What unfolds, fades or scales has come to rest; with a call, its larger layers have come. */
const REST_MS = 400
const CALL_REST_MS = 6000

// As on a computer in France: browsers take dates and hours from there, and write them in its language.
process.env.TZ = 'Europe/Paris'
process.env.LANGUAGE = 'fr'

const folder = join(root, 'docs', 'screens')
mkdirSync(folder, { recursive: true })

/** As much of the page as there is, or the window where a dialog lies over it; without scroll bars, whose width would be cut off. */
async function picture(page) {
  await page.evaluate(() => void (document.documentElement.style.scrollbarWidth = 'none'))
  const fullPage = (await page.locator('dialog[open]').count()) === 0
  const shot = await page.screenshot({ fullPage, animations: 'disabled' })
  return shot.length > BYTES_MAX ? fewerColours(shot, (await page.locator('video').count()) > 0 ? 256 : 128) : shot
}

const taken = new Map()
for (const { name, walk, env } of PARTS.filter((part) => process.argv[2] === undefined || part.name === process.argv[2])) {
  const cleanups = []
  const t = { name: `screenshots ${name}`, after: (cleanup) => cleanups.push(cleanup) }
  try {
    const world = await startWorld(t, { env })
    await walk(world, async (screen, { page }) => {
      if (!screen.match(process.argv[3] ?? '')) return
      const before = page.viewportSize()
      for (const { suffix, width, height } of SIZES) {
        await page.setViewportSize({ width, height })
        await sleep((await page.locator('.tile video').count()) > 0 ? CALL_REST_MS : REST_MS)
        const file = join(folder, `${screen}${suffix}.png`)
        writeFileSync(file, await picture(page))
        taken.set(file, statSync(file).size)
      }
      await page.setViewportSize(before)
    })
  } finally {
    for (const cleanup of cleanups) await cleanup()
  }
}
// A whole walk leaves no picture of a screen that there is no more.
if (process.argv[2] === undefined) {
  for (const file of readdirSync(folder).map((name) => join(folder, name))) if (!taken.has(file)) rmSync(file)
}
const largest = [...taken].sort(([, a], [, b]) => b - a).slice(0, 3)
console.log(`${taken.size} pictures, ${Math.round([...taken.values()].reduce((sum, size) => sum + size, 0) / 1000)} kB`)
for (const [file, size] of largest) console.log(`${Math.round(size / 1000)} kB ${file}`)
