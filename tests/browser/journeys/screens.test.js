// Every screen in both languages: in all colours wide, narrow, and with letters of twice the size. What axe says of it, that
// nothing is cut off or has to be scrolled sideways, and that it says which language it is in and what it is about.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { violationsIn } from '../lib/pages.js'
import { startWorld } from '../lib/world.js'
import { PARTS } from '../tour/index.js'

const WIDE = { width: 1280, height: 800 }
const NARROW = { width: 320, height: 640 }
const LAYOUTS = [
  { name: '1280 px', size: WIDE },
  { name: '1280 px, 200 %', size: WIDE, grown: '2' },
  { name: '320 px', size: NARROW },
]
const THEMES = ['light', 'dark', 'contrast']

/** What is wrong with the layout of a screen, whatever its colours. */
async function misplaced(page, language) {
  const { lang, title, over, widest } = await page.evaluate(() => {
    const root = document.documentElement
    const over = root.scrollWidth - root.clientWidth
    const wide = over > 0 ? [...document.querySelectorAll('body *')].filter((element) => element.getBoundingClientRect().right > root.clientWidth + 1) : []
    return { lang: root.lang, title: document.title, over, widest: wide.slice(-3).map((element) => element.outerHTML.slice(0, 120)) }
  })
  return [
    ...(lang === language ? [] : [`lang is ${lang}`]),
    ...(/. · Chevet$/.test(title) ? [] : [`the window is called ${title}`]),
    ...(over > 0 ? [`${over} px to be scrolled sideways: ${widest.join(' | ')}`] : []),
  ]
}

for (const language of ['fr', 'en']) {
  for (const { name, walk, env } of PARTS) {
    test(`Every screen of the part ${name} passes axe in ${language}, in all colours at 1280 px, at 320 px and with text of 200 %`, { timeout: 1_800_000 }, async (t) => {
      const world = await startWorld(t, { language, env })
      const wrong = []
      let screens = 0
      await walk(world, async (screen, { page }) => {
        screens += 1
        const before = page.viewportSize()
        // No colour is judged on its way to another.
        await page.emulateMedia({ reducedMotion: 'reduce' })
        const grow = (size) => page.evaluate((grown) => document.documentElement.style.setProperty('--grown', grown), size)
        for (const { name: layout, size, grown = '' } of LAYOUTS) {
          await page.setViewportSize(size)
          await grow(grown)
          wrong.push(...(await misplaced(page, language)).map((line) => `${screen}, ${layout}: ${line}`))
          for (const [theme, lines] of Object.entries(await violationsIn(page, THEMES))) wrong.push(...lines.map((line) => `${screen}, ${layout}, ${theme}: ${line}`))
        }
        await page.evaluate(() => (document.documentElement.dataset.theme = 'light'))
        await grow('')
        await page.setViewportSize(before)
      })
      t.diagnostic(`${screens} screens`)
      assert.ok(screens > 0)
      assert.deepEqual(wrong, [])
    })
  }
}
