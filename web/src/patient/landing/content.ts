import type { Language } from '../../i18n/language'
import type { LinkView } from '../api'
import { chromeIntent, systemOf, type Gate } from '../gate'
import type { DoorScreen } from '../screens'
import { calendar, dayText, hourText, leftText, sameDay, timeLeft } from '../time'
import { button, h, icon, notice, phone } from './dom'
import type { Framed, LinkWords } from './frame'

export interface Failure {
  code: string
  detail: string
}

/** What the buttons do. */
export interface Doings {
  look: (pressed: HTMLButtonElement) => void
  enter: (takeOver: boolean, pressed: HTMLButtonElement) => void
  stay: () => void
  tell: (text: string) => void
}

interface Known {
  t: LinkWords
  language: Language
  link: LinkView | undefined
  now: number
  gate: Gate
  failure: Failure | undefined
  doings: Doings
}

type Content = Pick<Framed, 'title' | 'children'>
const words = (text: string): HTMLElement => h('p', {}, text)

/** Heading and body of one screen. */
export function content(screen: DoorScreen | 'stayed', known: Known): Content {
  const { t, link, doings } = known
  switch (screen) {
    case 'loading':
      return { title: t.line, children: [h('p', { class: 'spinning', role: 'status' }, h('span', { class: 'spinner', 'aria-hidden': 'true' }), t.loading)] }
    case 'landing':
      return link === undefined ? unreachable(known) : open(link, known)
    case 'too-early':
      return link === undefined ? unreachable(known) : early(link, known)
    case 'gate':
      return wrongBrowser(known)
    case 'in-use': {
      const here = button(t.inUseYes, () => doings.enter(true, here), { sign: 'arrow', test: 'take-over' })
      return { title: t.inUseTitle, children: [words(t.inUse), ...failed(known), here, button(t.inUseNo, doings.stay, { sign: 'close', quiet: true })] }
    }
    case 'stayed':
      return { title: t.stayedTitle, children: [words(t.stayed)] }
    case 'documents': {
      const read = button(t.seeDocuments, () => doings.enter(false, read), { sign: 'file', test: 'see-documents' })
      return { title: t.overTitle, children: [words(t.documentsStill), ...failed(known), read] }
    }
    case 'over':
      return { title: t.overTitle, children: another(known) }
    case 'cancelled':
      return { title: t.cancelledTitle, children: [link && when(link, known), ...another(known)] }
    case 'revoked':
      return { title: t.revokedTitle, children: [words(t.revokedText), link?.practice_phone !== undefined && phone(link.practice_phone)] }
    case 'unknown':
      return { title: t.unknownTitle, children: [words(t.unknownText)] }
    case 'unreachable':
      return unreachable(known)
  }
}

function unreachable({ t, doings }: Known): Content {
  const again = button(t.again, () => doings.look(again), { sign: 'retry', test: 'look-again' })
  return { title: t.unreachableTitle, children: [words(t.unreachableText), again] }
}

function failed({ t, failure }: Known): HTMLElement[] {
  if (failure === undefined) return []
  return [notice('bad', failure.code === 'unreachable' ? t.unreachableText : t.problem(failure.detail))]
}

function another({ t, link }: Known): Content['children'] {
  const number = link?.practice_phone
  return number === undefined ? [words(t.overAsk)] : [words(t.overCall), phone(number), link?.contact_hours !== undefined && words(link.contact_hours)]
}

function when(link: LinkView, { t, language, now }: Known, named = true): HTMLElement {
  const hour = hourText(link.starts_at, link.zone, language)
  const day = sameDay(link.starts_at, now, link.zone) ? t.todayAt(hour) : t.at(dayText(link.starts_at, link.zone, language), hour)
  return h('p', { class: 'patient-when' }, h('strong', {}, day), named && (link.professional || link.organisation))
}

function open(link: LinkView, known: Known): Content {
  const { t, doings } = known
  const begin = button(t.begin, () => doings.enter(false, begin), { sign: 'arrow', test: 'begin' })
  return {
    title: `${t.hello} ${t.waitsFor(link.professional || t.someone)}`,
    children: [when(link, known, link.professional === ''), link.moved && notice('info', t.moved), ...failed(known), begin, words(t.nothing)],
  }
}

function early(link: LinkView, known: Known): Content {
  const { t, language, now } = known
  const hour = hourText(link.opens_at, link.zone, language)
  const today = sameDay(link.opens_at, now, link.zone)
  const left = h('span', { class: 'patient-countdown', role: 'timer' }, leftText(timeLeft(now, Date.parse(link.opens_at)), language))
  return {
    title: t.earlyTitle,
    children: [
      when(link, known),
      link.moved && notice('info', t.moved),
      words(today ? t.earlyBack(hour) : t.earlyBackOn(dayText(link.opens_at, link.zone, language), hour)),
      h('p', {}, t.earlyLeft, h('br'), left),
      h('a', { class: 'button button-quiet', href: '/test', target: '_blank', rel: 'noreferrer' }, icon('check'), h('span', {}, t.test)),
      button(t.addToCalendar, () => saveCalendar(link, t.calendarTitle, now), { sign: 'calendar', quiet: true }),
    ],
  }
}

/** What the passing of a second changes. */
export function countdown(root: HTMLElement, link: LinkView | string, now: number, language: Language): void {
  const shown = root.querySelector('.patient-countdown')
  if (shown === null || typeof link === 'string') return
  shown.textContent = leftText(timeLeft(now, Date.parse(link.opens_at)), language)
}

function saveCalendar(link: LinkView, title: string, now: number): void {
  const text = calendar({ starts: link.starts_at, ends: link.ends_at, title, uid: crypto.randomUUID(), now })
  const address = URL.createObjectURL(new Blob([text], { type: 'text/calendar' }))
  h('a', { href: address, download: 'rendez-vous.ics' }).click()
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}

function wrongBrowser({ t, gate, link, doings }: Known): Content {
  const number = link?.practice_phone
  if (gate !== 'webview') {
    const [title, text] = gate === 'old' ? [t.gateOldTitle, t.gateOld] : [t.gateInsecureTitle, t.gateInsecure]
    return { title, children: [words(text), number !== undefined && words(t.callPractice), number !== undefined && phone(number)] }
  }
  const system = systemOf(navigator.userAgent)
  const copy = (): void => {
    // Windows of other applications may lack the clipboard, whatever the type says.
    const clipboard = navigator.clipboard as Clipboard | undefined
    const written = clipboard?.writeText(location.href) ?? Promise.reject(new Error('no clipboard'))
    written.then(
      () => doings.tell(t.copied),
      () => doings.tell(t.copyFailed),
    )
  }
  const address = `${location.host}/…`
  return {
    title: t.gateWebviewTitle,
    children: [
      words(t.gateWebview(system === 'ios' ? 'Safari' : 'Chrome')),
      system === 'android' && h('a', { class: 'button button-main', href: chromeIntent(location.href), 'data-test': 'intent' }, icon('arrow'), h('span', {}, t.openChrome)),
      h('ol', { class: 'patient-steps' }, ...t.gateSteps.map((step) => h('li', {}, step))),
      h('p', { class: 'picture-bar', 'aria-hidden': 'true' }, icon('lock'), h('span', {}, address)),
      button(t.copy, copy, { sign: 'copy', quiet: system === 'android', test: 'copy' }),
    ],
  }
}
