import '../../styles/patient.css'
import { initialLanguage, rememberLanguage } from '../../i18n/chosen'
import type { Language } from '../../i18n/language'
import { display, onDisplay, showDisplay } from '../../ui/display'
import { shown as onScreen } from '../../ui/shown'
import { codeOf, Refused } from '../api'
import { Door } from '../door'
import { thisGate } from '../gate'
import { handOver } from '../handover'
import { doorScreen, type DoorScreen } from '../screens'
import { busy } from './dom'
import { frame, wordsIn } from './frame'
import { content, countdown, type Doings, type Failure } from './content'

/** Everything after the first tap. */
const rest = () => Promise.all([import('../../start'), import('../PatientApp')])

/** A page that comes back after so long looks again whether the appointment still stands, in milliseconds. */
const STALE_MS = 30_000

/**
 * `/c#secret` up to the first tap, without React: it is opened on weak lines, and whoever is too early needs no more than this.
 */
export function openLanding(root: HTMLElement): void {
  const door = new Door(secretOf(location.hash))
  const gate = thisGate()
  let language = initialLanguage()
  let inUse = false
  let stayed = false
  let failure: Failure | undefined
  let shown: DoorScreen | 'stayed' | undefined
  let looked = Date.now()

  const screenNow = (): DoorScreen | 'stayed' => (stayed ? 'stayed' : doorScreen({ gate, link: door.link, now: door.now(), inUse }))

  const draw = (): void => {
    const screen = screenNow()
    const arrives = shown !== undefined && shown !== 'loading' && shown !== screen
    shown = screen
    onScreen.screen = screen
    const link = typeof door.link === 'object' ? door.link : undefined
    const t = wordsIn(language)
    document.documentElement.lang = language
    document.title = `${t.line} · Chevet`
    const page = frame(language, choose, {
      screen,
      phone: link?.practice_phone,
      hours: link?.contact_hours,
      ...content(screen, { t, language, link, now: door.now(), gate, failure, doings }),
    })
    const focused = document.activeElement?.getAttribute('data-test')
    root.replaceChildren(page)
    // Not on arrival: browsers begin at the top of a page by themselves.
    if (arrives) page.querySelector('h1')?.focus()
    else if (typeof focused === 'string') page.querySelector<HTMLElement>(`[data-test="${focused}"]`)?.focus()
  }
  const choose = (chosen: Language): void => {
    language = chosen
    rememberLanguage(chosen)
    door.api.speak(chosen)
    draw()
    root.querySelector<HTMLElement>(`.language[lang=${chosen}]`)?.focus()
  }
  const look = async (): Promise<void> => {
    await door.look()
    looked = Date.now()
    failure = undefined
    draw()
    if (shown === 'landing') prefetch()
  }
  const doings: Doings = {
    look: (pressed) => {
      busy(pressed)
      void look()
    },
    enter: (takeOver, pressed) => {
      busy(pressed)
      void enter(takeOver)
    },
    stay: () => {
      stayed = true
      draw()
    },
    tell: (text) => root.querySelector('.notices')?.replaceChildren(toast(text)),
  }
  const enter = async (takeOver: boolean): Promise<void> => {
    failure = undefined
    const parts = rest().catch(() => undefined)
    try {
      const guest = await door.enter(takeOver)
      const loaded = await parts
      if (loaded === undefined) {
        door.hold(guest)
        throw new Refused('unreachable', '')
      }
      stop()
      handOver({ door, guest })
      loaded[0].start(root)
    } catch (error) {
      const code = codeOf(error)
      if (code === 'link-in-use') inUse = true
      else if (code.startsWith('link-')) await door.look()
      else failure = { code, detail: error instanceof Refused ? error.detail : '' }
      draw()
    }
  }

  const tick = setInterval(() => {
    // Nothing under the finger moves while somebody comes in.
    if (root.querySelector('[aria-busy]') !== null) return
    if (screenNow() !== shown) draw()
    else countdown(root, door.link, door.now(), language)
  }, 1000)
  const back = (): void => {
    const stale = Date.now() - looked > STALE_MS && root.querySelector('[aria-busy]') === null
    if (document.visibilityState === 'visible' && stale && shown !== 'in-use' && shown !== 'stayed') void look()
  }
  document.addEventListener('visibilitychange', back)
  let unpaint = showDisplay(display(), false)
  const undisplay = onDisplay(() => {
    unpaint()
    unpaint = showDisplay(display(), false)
  })
  const stop = (): void => {
    clearInterval(tick)
    document.removeEventListener('visibilitychange', back)
    undisplay()
    unpaint()
  }

  door.api.speak(language)
  draw()
  void look()
}

/** While people read, unless they count their bytes. */
function prefetch(): void {
  const { connection } = navigator as Navigator & { connection?: { saveData?: boolean } }
  if (connection?.saveData === true) return
  // Absent in Safari.
  const idle = (globalThis as { requestIdleCallback?: (run: () => void) => void }).requestIdleCallback
  const fetchRest = (): void => void rest().catch(() => undefined)
  if (idle === undefined) setTimeout(fetchRest, 500)
  else idle(fetchRest)
}

function toast(text: string): HTMLElement {
  const element = document.createElement('p')
  element.className = 'toast'
  element.textContent = text
  return element
}

function secretOf(hash: string): string {
  try {
    return decodeURIComponent(hash.replace(/^#/, '')).trim()
  } catch {
    return ''
  }
}
