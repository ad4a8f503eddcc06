import { spawn } from 'node:child_process'
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, firefox } from 'playwright-core'
import { out, slug } from './paths.js'
import { descendants, end, signal } from './processes.js'
import { show, sleep, until } from './wait.js'

const CHROMIUM = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium'
const FIREFOX = process.env.FIREFOX_BIN ?? '/usr/bin/firefox-esr'

const CHROMIUM_FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required', '--allow-loopback-in-peer-connection', '--mute-audio',
  // Pages of one browser stand for people: none of them is in the background.
  '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
]

const FIREFOX_PREFERENCES = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.autoplay.default': 0,
  'intl.accept_languages': 'fr-FR,fr',
}

/** For `startBrowser`: whoever asks for camera or microphone is refused. */
export const NO_DEVICES = {
  flags: ['--use-fake-ui-for-media-stream=deny'],
  preferences: { 'media.navigator.permission.disabled': false, 'permissions.default.camera': 2, 'permissions.default.microphone': 2 },
}

/** Starts Chromium as a process of ours, so that a test can stop, resume and end it by its pid. */
export async function startChromium(t, flags = []) {
  const profile = mkdtempSync(join(tmpdir(), 'chevet-chromium-'))
  const child = spawn(CHROMIUM, [...CHROMIUM_FLAGS, ...flags, `--user-data-dir=${profile}`, '--remote-debugging-port=0', 'about:blank'], { stdio: 'ignore' })
  let browser
  t.after(async () => {
    await browser?.close().catch(() => undefined)
    await end(child)
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  })
  const portFile = join(profile, 'DevToolsActivePort')
  const port = await until('Chromium listens', () => existsSync(portFile) && readFileSync(portFile, 'utf8').split('\n')[0], { every: 50 })
  browser = await chromium.connectOverCDP(`http://127.0.0.1:${port}`, { timeout: 60_000 })
  const open = async (options) => {
    const context = await browser.newContext(options)
    const page = await context.newPage()
    page.setDefaultTimeout(60_000)
    return page
  }
  return {
    engine: 'Chromium',
    pid: child.pid,
    newPage: open,
    /** Freezes every process of the browser, as a machine that has hung. */
    freeze: () => signal(descendants(child.pid), 'SIGSTOP'),
    thaw: () => signal(descendants(child.pid), 'SIGCONT'),
  }
}

/**
 * For each page Playwright sets the colours that it prefers, by a command that came after the Firefox of today's Debian: the
 * answer is given here. It is the one thing that Playwright has no option for.
 */
function answerForFirefox(browser) {
  const session = Object.getPrototypeOf(browser._connection.toImpl(browser)._browserSession)
  const send = session.send
  session.send = function (method, ...rest) {
    return method === 'emulation.setMediaFeaturesOverride' ? Promise.resolve({}) : send.call(this, method, ...rest)
  }
}

/** Playwright fills fields in Firefox by setting their value, which React takes for its own doing; as typed it is heard. */
function insertAsTyped() {
  Object.defineProperty(window, '__pw_bidiInsertText', {
    get: () => (text) => void document.execCommand('insertText', false, text),
    set: () => undefined,
  })
}

/** Debian's Firefox, by WebDriver BiDi: Playwright's own protocol needs a Firefox of its own. */
export async function startFirefox(t, preferences = {}) {
  const browser = await firefox.launch({ channel: 'moz-firefox', executablePath: FIREFOX, firefoxUserPrefs: { ...FIREFOX_PREFERENCES, ...preferences }, timeout: 90_000 })
  answerForFirefox(browser)
  t.after(() => Promise.race([browser.close().catch(() => undefined), sleep(10_000)]))
  const open = async ({ isMobile: _, ...options } = {}) => {
    const context = await browser.newContext(options)
    await context.addInitScript(insertAsTyped)
    const page = await context.newPage()
    page.setDefaultTimeout(60_000)
    return page
  }
  return { engine: 'Firefox', newPage: open }
}

/** By name; `flags` are for Chromium, `preferences` for Firefox. */
export const startBrowser = (t, engine, { flags, preferences } = {}) => (engine === 'Firefox' ? startFirefox(t, preferences) : startChromium(t, flags))

/** One person: a page of the test site in some browser. What it prints goes to a log of its own. */
export async function openPerson(t, browser, site, name) {
  const log = join(out, `${slug(t.name)}.${name}.log`)
  writeFileSync(log, '')
  const page = await browser.newPage()
  page.on('console', (message) => appendFileSync(log, `${message.type()} ${message.text()}\n`))
  page.on('pageerror', (error) => appendFileSync(log, `uncaught ${error}\n`))
  await page.goto(site)
  const person = {
    name,
    page,
    log,
    engine: browser.engine,
    call: (method, argument) => page.evaluate(([verb, given]) => window.judge[verb](given), [method, argument]),
    join: (server, room, options = {}) => person.call('join', { url: server.ws, token: server.token(room, name), ...options }),
    publish: (options) => person.call('publish', options),
    incoming: () => person.call('incoming'),
    state: () => person.call('state'),
    /** Why something did not happen, as far as this page knows. */
    why: async () => {
      const lines = readFileSync(log, 'utf8').split('\n')
      const state = await Promise.race([
        Promise.all([person.state(), person.incoming().catch(() => [])]),
        new Promise((resolve) => setTimeout(() => resolve('the page does not answer'), 5000)),
      ]).catch(String)
      return `--- ${name} (${browser.engine}): ${show(state)}\n--- ${log}\n${lines.slice(-25).join('\n')}`
    },
  }
  return person
}

/** The reasons of everybody, for a failed wait. */
export const whyOf = (server, ...people) => async () => [...(await Promise.all(people.map((person) => person.why()))), server.tail()].join('\n')
