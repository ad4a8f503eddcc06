import { useCallback, useEffect, useEffectEvent, useMemo, useState } from 'react'
import { useLanguage } from '../i18n/context'
import { codeOf, Refused, type GuestApi, type GuestView, type LinkView } from './api'
import type { Door } from './door'
import { screenOf, type Facts, type Screen } from './screens'
import { forgetSeat } from './seat'

/** After a refusal of the live updates it is tried again after this long, in milliseconds. */
const AGAIN_MS = 4000

export interface Failure {
  code: string
  detail: string
}

/** What the server says changed, so that it is asked for. `undefined`: anything may have. */
export type Hinted = 'documents' | 'payments' | undefined

export interface Visit {
  api: GuestApi
  link: LinkView | undefined
  screen: Screen
  facts: Facts
  busy: boolean
  failure: Failure | undefined
  /** The live updates are interrupted. */
  offline: boolean
  /** Comes in again by the same link. */
  enter: (takeOver: boolean) => void
  /** One request that answers with the guest's new view. True when it went well. */
  act: (request: () => Promise<GuestView>) => Promise<boolean>
  mark: (done: Partial<Pick<Facts, 'placed' | 'explained' | 'checked' | 'ended'>>) => void
  /** Leaves for now. */
  leave: () => void
  /** Hears hints until the answer is called. */
  onHint: (listener: (what: Hinted) => void) => () => void
}

/** One visit after the first tap: what is known, and what can be done. Whoever stands before the door again sees the door's page. */
export function useVisit(door: Door, arrived: GuestView): Visit {
  const { language } = useLanguage()
  const { api } = door
  const [given, setGiven] = useState<Omit<Facts, 'now'>>(() => ({
    guest: arrived,
    ended: undefined,
    placed: false,
    explained: false,
    checked: false,
  }))
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<Failure>()
  const [offline, setOffline] = useState(false)
  const [now, setNow] = useState(door.now)
  const [listeners] = useState(() => new Set<(what: Hinted) => void>())

  useEffect(() => {
    api.speak(language)
  }, [api, language])
  // Nothing depends on the hour but the end of a lock: no phone draws a call anew each second.
  const ticking = given.guest.identity_locked_until !== undefined
  useEffect(() => {
    if (!ticking) return undefined
    const timer = setInterval(() => setNow(door.now()), 1000)
    return () => clearInterval(timer)
  }, [door, ticking])

  const change = useCallback((part: Partial<Omit<Facts, 'now'>>) => {
    setNow(door.now())
    setGiven((before) => ({ ...before, ...part }))
  }, [door])

  const refused = useCallback(
    (error: unknown) => {
      const code = codeOf(error)
      if (code === 'unauthenticated') {
        // Whoever was sent out has lost the session with the place, and should know which of both it was.
        setGiven((before) => ({ ...before, ended: before.ended ?? (before.guest.next === 'removed' ? 'removed' : 'gone') }))
        return
      }
      // Too early, over, revoked, in use elsewhere: the door's page says so.
      if (code.startsWith('link-')) {
        location.reload()
        return
      }
      setFailure({ code, detail: error instanceof Refused ? error.detail : '' })
    },
    [],
  )

  const act = useCallback(
    async (request: () => Promise<GuestView>) => {
      setBusy(true)
      setFailure(undefined)
      try {
        change({ guest: await request() })
        return true
      } catch (error) {
        refused(error)
        return false
      } finally {
        setBusy(false)
      }
    },
    [change, refused],
  )

  const enter = useCallback(
    (takeOver: boolean) => {
      void act(() => door.enter(takeOver)).then((came) => {
        if (came) change({ ended: undefined, checked: false, explained: false })
      })
    },
    [act, change, door],
  )

  const leave = useCallback(() => {
    forgetSeat()
    void api.leave().catch(() => undefined)
    change({ ended: 'left', checked: false, explained: false })
  }, [api, change])

  const onHint = useCallback(
    (listener: (what: Hinted) => void) => {
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
      }
    },
    [listeners],
  )

  const inside = given.ended === undefined
  const onRefused = useEffectEvent(refused)
  useEffect(() => {
    if (!inside) return undefined
    let events: EventSource | undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    const hint = (what: Hinted): void => {
      for (const listener of listeners) listener(what)
    }
    const ask = (): void => {
      api.again().then((guest) => change({ guest }), onRefused)
    }
    const open = (): void => {
      const stream = new EventSource('/p/v1/events')
      events = stream
      const openAgain = (): void => {
        stream.close()
        ask()
        clearTimeout(timer)
        timer = setTimeout(open, AGAIN_MS)
      }
      stream.addEventListener('open', () => {
        setOffline(false)
        // What came while nobody listened.
        hint(undefined)
      })
      stream.addEventListener('state', (event: MessageEvent<string>) => {
        setOffline(false)
        change({ guest: JSON.parse(event.data) as GuestView })
      })
      stream.addEventListener('hint', (event: MessageEvent<string>) => {
        const { what } = JSON.parse(event.data) as { what: Hinted | null }
        hint(what ?? undefined)
      })
      stream.addEventListener('taken_over', () => {
        stream.close()
        forgetSeat()
        change({ ended: 'taken-over' })
      })
      stream.addEventListener('gone', openAgain)
      stream.addEventListener('error', () => {
        setOffline(true)
        // The browser tries again by itself unless the server answered with a refusal.
        if (stream.readyState === EventSource.CLOSED) openAgain()
      })
    }
    open()
    return () => {
      clearTimeout(timer)
      events?.close()
    }
  }, [api, change, inside, listeners])

  const link = typeof door.link === 'object' ? door.link : undefined
  return useMemo(() => {
    const facts = { ...given, now }
    return { api, link, screen: screenOf(facts), facts, busy, failure, offline, enter, act, mark: change, leave, onHint }
  }, [act, api, busy, change, enter, failure, given, leave, link, now, offline, onHint])
}
