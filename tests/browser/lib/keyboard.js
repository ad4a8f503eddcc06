import assert from 'node:assert/strict'

/** What has the focus: enough to name it in a failure. */
const focused = (page) =>
  page.evaluate(() => {
    const element = document.activeElement
    return element === null || element === document.body ? '' : element.outerHTML.slice(0, 120)
  })

/**
 * Somebody without a mouse. `reach` presses Tab until the wanted element has the focus, and holds on the way that the focus
 * can be seen: inside the window, on top, and marked.
 */
export function keyboard({ page }) {
  const reach = async (target, limit = 80) => {
    await target.waitFor()
    const passed = []
    for (let presses = 0; presses < limit; presses += 1) {
      if (await target.evaluate((element) => element === document.activeElement)) return
      await page.keyboard.press('Tab')
      passed.push(await focused(page))
      await visible(page)
    }
    assert.fail(`${limit} times Tab do not lead to ${await target.evaluate((element) => element.outerHTML.slice(0, 120))}:\n${passed.join('\n')}`)
  }
  return {
    reach,
    press: async (target, key = 'Enter') => {
      await reach(target)
      await page.keyboard.press(key)
    },
    type: async (target, text) => {
      await reach(target)
      await page.keyboard.press('Control+A')
      await page.keyboard.type(text)
    },
    /** Chooses in a list by the letters of the wanted line. */
    choose: async (target, text) => {
      await reach(target)
      await page.keyboard.type(text)
    },
  }
}

/** The focus is marked and hidden under nothing (WCAG 2.4.7 and 2.4.11). */
async function visible(page) {
  const trouble = await page.evaluate(() => {
    const element = document.activeElement
    if (element === null || element === document.body) return undefined
    const box = element.getBoundingClientRect()
    if (box.width === 0 || box.height === 0) return 'has no size'
    const inside = box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight
    if (!inside) return 'is outside the window'
    const style = getComputedStyle(element)
    const marked = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none'
    // A box to tick is marked by its own browser.
    if (!marked && element.matches(':focus-visible')) return 'is not marked'
    const x = Math.min(Math.max((box.left + box.right) / 2, 1), innerWidth - 1)
    const y = Math.min(Math.max((box.top + box.bottom) / 2, 1), innerHeight - 1)
    const top = document.elementFromPoint(x, y)
    const own = top !== null && (element.contains(top) || top.contains(element) || (element.labels && [...element.labels].some((label) => label.contains(top))))
    return own ? undefined : `is under ${top?.outerHTML.slice(0, 80)}`
  })
  assert.equal(trouble, undefined, `the focus ${trouble}: ${await focused(page)}`)
}
