import assert from 'node:assert/strict'
import { join } from 'node:path'
import { startBrowser } from './browsers.js'
import { DESK, open, PHONE } from './pages.js'
import { out, slug } from './paths.js'
import { startServer } from './server.js'
import { wordsOf } from './words.js'

/** Longest time in which a page may answer a press, on a machine that is busy with something else. */
const PATIENCE_MS = 30_000

/**
 * A server with the emulators of the outside world, and people in front of it. Professionals sit in the browser `desk`, all
 * others hold the browser `phone`; both are names of engines. Each page is a person with cookies of their own. With
 * `phoneWith` the telephones are a browser of their own that was started so.
 */
export async function startWorld(t, { desk = 'Chromium', phone = desk, language = 'fr', env, phoneWith } = {}) {
  const people = []
  // Before the browsers are closed: what everybody saw last, for whoever reads a failure.
  t.after(() => Promise.all(people.map(({ page }, index) =>
    page.screenshot({ path: join(out, `${slug(t.name)}.${index + 1}.png`), timeout: 5000 }).catch(() => undefined))))
  const server = await startServer(t, { env })
  const words = await wordsOf(language)
  const deskBrowser = await startBrowser(t, desk)
  const phoneBrowser = phone === desk && phoneWith === undefined ? deskBrowser : await startBrowser(t, phone, phoneWith)
  const locale = language === 'fr' ? 'fr-FR' : 'en-GB'
  const someone = async (browser, address, options) => {
    const opened = await open(t, browser, address, { ...options, locale })
    opened.page.setDefaultTimeout(PATIENCE_MS)
    const person = { ...opened, words, server }
    people.push(person)
    return person
  }
  return {
    t,
    server,
    words,
    /** Somebody at a computer, at a path of the pages or at a whole address. */
    atDesk: (path, options = {}) => someone(deskBrowser, new URL(path, server.http).href, { ...DESK, ...options }),
    /** Somebody who opens a link on a telephone. */
    onPhone: (link, options = {}) => someone(phoneBrowser, link, { ...PHONE, ...options }),
    /** Pages threw nothing, broke no policy of theirs, and asked nothing of anybody else but `providers`. */
    noComplaints(providers = /^$/) {
      for (const { complaints, foreign } of people) assert.deepEqual([complaints, foreign.filter((url) => !providers.test(url))], [[], []])
    },
  }
}

/** What a test tries in each of these pairs of browsers: `desk` and `phone`. */
export const PAIRS = [
  { desk: 'Chromium', phone: 'Chromium' },
  { desk: 'Chromium', phone: 'Firefox' },
]
