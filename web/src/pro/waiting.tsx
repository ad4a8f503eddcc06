import { createContext, useCallback, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from 'react'
import { consultations } from '../api/clinic'
import { allEvents, listen } from '../api/hints'
import type { Item } from '../api/types'
import { useWords } from '../i18n/pro'
import { showWaiting } from '../ui/title'
import { ring } from './ring'

interface WaitingState {
  /** Live consultations with somebody at the door. */
  waiting: readonly Item[]
  /** Counts hints, so that lists load again. */
  beat: number
  alerts: Alerts
  setAlerts: (alerts: Alerts) => void
}
export interface Alerts {
  sound: boolean
  notify: boolean
}

const STORED = 'chevet.alerts'
const NONE: Alerts = { sound: false, notify: false }
const WaitingContext = createContext<WaitingState>({ waiting: [], beat: 0, alerts: NONE, setAlerts: () => undefined })
export const useWaiting = (): WaitingState => useContext(WaitingContext)

function storedAlerts(): Alerts {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(STORED) ?? '{}')
    const { sound, notify } = kept as Partial<Record<keyof Alerts, unknown>>
    return { sound: sound === true, notify: notify === true }
  } catch {
    return NONE
  }
}

/** Hints come in bursts; lists are asked for once per this time, in milliseconds. */
const GATHER_MS = 300

/** Watches who waits, on every page of the professional; tells by sound and notification where that was chosen. */
export function Waiting({ enabled, children }: { enabled: boolean; children: ReactNode }) {
  const { t } = useWords()
  const [waiting, setWaiting] = useState<readonly Item[]>([])
  const [beat, setBeat] = useState(0)
  const [alerts, keepAlerts] = useState(storedAlerts)
  const told = useRef(0)
  const wish = useRef({ alerts, text: t.notifyText })
  useEffect(() => {
    wish.current = { alerts, text: t.notifyText }
  }, [alerts, t])
  const setAlerts = useCallback((next: Alerts) => {
    keepAlerts(next)
    try {
      localStorage.setItem(STORED, JSON.stringify(next))
    } catch {
      // Private modes may refuse storage: the choice holds for this visit.
    }
  }, [])

  useEffect(() => {
    if (!enabled) return undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    let gone = false
    const look = async (): Promise<void> => {
      timer = undefined
      setBeat((before) => before + 1)
      try {
        const { items } = await consultations.list('live')
        if (gone) return
        const now = items.filter((item) => item.waiting > 0)
        const count = now.reduce((sum, item) => sum + item.waiting, 0)
        if (count > told.current) alarm(wish.current.alerts, wish.current.text)
        told.current = count
        setWaiting(now)
      } catch {
        // The next hint asks again; the lists themselves say what failed.
      }
    }
    const heard = (): void => {
      timer ??= setTimeout(() => void look(), GATHER_MS)
    }
    const stop = listen(allEvents, heard)
    return () => {
      gone = true
      clearTimeout(timer)
      stop()
    }
  }, [enabled])

  useEffect(() => {
    const count = waiting.reduce((sum, item) => sum + item.waiting, 0)
    showWaiting(count)
  }, [waiting])
  const value = useMemo(() => ({ waiting, beat, alerts, setAlerts }), [waiting, beat, alerts, setAlerts])
  return <WaitingContext value={value}>{children}</WaitingContext>
}

/** No name in a notification: it shows on locked screens. */
function alarm(alerts: Alerts, text: string): void {
  if (alerts.sound) ring()
  if (alerts.notify && 'Notification' in window && Notification.permission === 'granted') {
    new Notification('Chevet', { body: text, tag: 'chevet-waiting' })
  }
}
