import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { here } from './paths.js'

const axe = readFileSync(join(here, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8')
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** The address of a join page, as the server prints it. */
export const joinLink = (server, room, identity, name, more = {}) => `${server.http}/join#token=${server.token(room, identity, { name, ...more })}`

/** Links to the join page among what the server printed at its start. */
export const printedLinks = (server) => server.printed().match(/https?:\/\/\S+\/join\S*token=\S+/g) ?? []

/** What axe finds wrong on a page, as short lines; nothing is the right answer. */
export async function violations(page) {
  // Run by the debugger, which the page's own policy does not hold back.
  return page.evaluate(`${axe};axe.run(document, { runOnly: ${JSON.stringify(RULES)} }).then((result) =>
    result.violations.flatMap(({ id, nodes }) => nodes.map((node) => id + ': ' + node.html.slice(0, 160))))`)
}

/** Presses what a person would press on the join page. */
export async function pressEnter(page) {
  const enter = page.locator('[data-test=enter]')
  const allow = page.locator('[data-test=allow]')
  await enter.or(allow).first().waitFor()
  // A browser that knows the answer opens the camera by itself, perhaps between this look and the click.
  if (await allow.isVisible()) await Promise.race([allow.click().catch(() => undefined), enter.waitFor()])
  await enter.click()
}

/** Goes from the join page into the call with the buttons that a person would press. */
export async function enterCall(page) {
  await pressEnter(page)
  await page.locator('.call').waitFor()
}

/** Frames shown so far by the pictures of the call, by identity of their person. */
export const framesShown = (page) =>
  page.evaluate(() =>
    Object.fromEntries(
      [...document.querySelectorAll('.tile')].map((tile) => [tile.dataset.identity, tile.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames ?? 0]),
    ),
  )
