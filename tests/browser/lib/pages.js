import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { here, out, slug } from './paths.js'
import { portraitCamera } from './portrait.js'

const axe = readFileSync(join(here, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8')
/** WCAG 2.2, levels A and AA. */
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']
// What passes is not listed, nor fetched again.
const axeOptions = (values) => JSON.stringify({ runOnly: values, resultTypes: ['violations'], preload: false })

/** The address of a join page, as the server prints it. */
export const joinLink = (server, room, identity, name, more = {}) => `${server.http}/join#token=${server.token(room, identity, { name, ...more })}`

/** Links to the join page among what the server printed at its start. */
export const printedLinks = (server) => server.printed().match(/https?:\/\/\S+\/join\S*token=\S+/g) ?? []

/** What axe finds wrong on a page, as short lines; nothing is the right answer. */
export async function violations(page) {
  await bringAxe(page)
  return page.evaluate(`axe.run(document, ${axeOptions([...WCAG, 'best-practice'])}).then(linesOf)`)
}

/**
 * The same for each of these colours, by their names and without asking the page for more than once: `best-practice` has
 * nothing to say of colours, so it is asked in the first of them only.
 */
export async function violationsIn(page, themes) {
  await bringAxe(page)
  const [all, rest] = [axeOptions([...WCAG, 'best-practice']), axeOptions(WCAG)]
  return page.evaluate(`(async () => {
    const found = {}
    for (const [index, theme] of ${JSON.stringify(themes)}.entries()) {
      document.documentElement.dataset.theme = theme
      found[theme] = linesOf(await axe.run(document, index === 0 ? ${all} : ${rest}))
    }
    return found
  })()`)
}

/** Run by the debugger, which the page's own policy does not hold back. */
async function bringAxe(page) {
  if (await page.evaluate('"axe" in window')) return
  await page.evaluate(`${axe};undefined`)
  await page.evaluate(`window.linesOf = ({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map((node) => id + ': ' + node.html.slice(0, 160)));undefined`)
}

export const DESK = { locale: 'fr-FR', viewport: { width: 1280, height: 800 } }
export const PHONE = { locale: 'fr-FR', viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true }

/**
 * Opens a page and keeps what it complains about; `complaints` are those that a policy or a bug would cause. With `portrait` its
 * camera shows a person. `permission` is what the browser says of camera and microphone when it is asked: `prompt` before the
 * first question, or `denied`, and then it refuses them.
 */
export async function open(t, browser, address, { portrait, permission, ...options } = DESK) {
  const page = await browser.newPage({ acceptDownloads: true, ...options })
  if (permission !== undefined) await page.addInitScript(answerForDevices, permission)
  if (portrait !== undefined) await page.addInitScript(portraitCamera, portrait)
  const log = join(out, `${slug(t.name)}.page.log`)
  const complaints = []
  page.on('console', (message) => {
    appendFileSync(log, `${message.type()} ${message.text()}\n`)
    if (/Content.Security.Policy|Refused to/i.test(message.text())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('response', async (response) => {
    if (response.status() < 400) return
    appendFileSync(log, `${response.status()} ${response.url()} ${await response.text().catch(() => '')}\n`)
  })
  const foreign = []
  page.on('request', (request) => {
    const url = new URL(request.url())
    if (/^(https?|wss?):$/.test(url.protocol) && url.host !== new URL(address).host) foreign.push(request.url())
  })
  const response = await page.goto(address)
  const why = () => `${complaints.join('\n')}\n--- ${log}\n${readFileSync(log, { flag: 'a+', encoding: 'utf8' }).split('\n').slice(-20).join('\n')}`
  return { page, complaints, foreign, response, why }
}

/** Runs in the page before anything else. Browsers with fake devices have no say of their own about permissions. */
function answerForDevices(state) {
  navigator.permissions.query = () => Promise.resolve(Object.assign(new EventTarget(), { state }))
  if (state === 'denied') navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('Permission denied', 'NotAllowedError'))
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

/**
 * Frames shown so far by the pictures of the call, by identity of their person. Firefox counts none of a call: there they are
 * counted here, from the first question on.
 */
export const framesShown = (page) =>
  page.evaluate(() => {
    const counted = (window.framesCounted ??= new WeakMap())
    const shown = (video) => {
      if (video === null) return 0
      const { totalVideoFrames } = video.getVideoPlaybackQuality()
      if (totalVideoFrames > 0) return totalVideoFrames
      if (!counted.has(video)) {
        counted.set(video, 0)
        const count = () => {
          counted.set(video, counted.get(video) + 1)
          video.requestVideoFrameCallback(count)
        }
        video.requestVideoFrameCallback(count)
      }
      return counted.get(video)
    }
    return Object.fromEntries([...document.querySelectorAll('.tile')].map((tile) => [tile.dataset.identity, shown(tile.querySelector('video'))]))
  })
