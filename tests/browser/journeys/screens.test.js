// Every screen in both languages, all colours, wide and narrow, and with letters of twice the size: what axe says of it, that
// nothing is cut off or has to be scrolled sideways, and that it says which language it is in.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { violations } from '../lib/pages.js'
import { startWorld } from '../lib/world.js'
import { PARTS } from '../tour/index.js'

const WIDE = { width: 1280, height: 800 }
const NARROW = { width: 320, height: 640 }

/**
 * How a screen is looked at. Other colours change nothing but the contrast; another language changes the words, not the
 * colours, and what is too long in it is cut off in any colour.
 */
const STATES = {
  fr: [
    ...[WIDE, NARROW].flatMap((size) => [{ size, theme: 'light' }, { size, theme: 'dark', colours: true }, { size, theme: 'contrast', colours: true }]),
    { size: WIDE, theme: 'light', grown: '2' },
  ],
  en: [{ size: WIDE, theme: 'light' }, { size: NARROW, theme: 'light' }, { size: WIDE, theme: 'light', grown: '2' }],
}

/** What is wrong with a screen as it is now. */
async function judge(page, language, colours) {
  const found = await violations(page, { colours })
  const { lang, over } = await page.evaluate(() => {
    const root = document.documentElement
    return { lang: root.lang, over: root.scrollWidth - root.clientWidth }
  })
  if (lang !== language) found.push(`lang is ${lang}`)
  if (over > 0) {
    const widest = await page.evaluate(() => {
      const wide = [...document.querySelectorAll('body *')].filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
      return wide.slice(-3).map((element) => element.outerHTML.slice(0, 120))
    })
    found.push(`${over} px to be scrolled sideways: ${widest.join(' | ')}`)
  }
  return found
}

for (const language of ['fr', 'en']) {
  for (const { name, walk, env } of PARTS) {
    test(`Every screen of the part ${name} passes axe in ${language}, in all colours, at 1280 and 320 px and with text of 200 %`, { timeout: 1_200_000 }, async (t) => {
      const world = await startWorld(t, { language, env })
      const wrong = []
      let screens = 0
      await walk(world, async (screen, { page }) => {
        screens += 1
        const before = page.viewportSize()
        // No colour is judged on its way to another.
        await page.emulateMedia({ reducedMotion: 'reduce' })
        const set = (theme, grown) => page.evaluate(([colours, size]) => {
          const { style, dataset } = document.documentElement
          dataset.theme = colours
          if (size === '') style.removeProperty('--grown')
          else style.setProperty('--grown', size)
        }, [theme, grown])
        for (const { size, theme, grown = '', colours } of STATES[language]) {
          await page.setViewportSize(size)
          await set(theme, grown)
          const found = await judge(page, language, colours)
          wrong.push(...found.map((line) => `${screen}, ${size.width} px, ${theme}${grown && ', 200 %'}: ${line}`))
        }
        await set('light', '')
        await page.setViewportSize(before)
      })
      assert.ok(screens > 0)
      assert.deepEqual(wrong, [])
    })
  }
}
