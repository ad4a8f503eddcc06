import { useCallback, useEffect, useEffectEvent, useMemo, useRef, useState } from 'react'
import { useLanguage } from '../i18n/context'
import { codeOf, GuestApi, Refused, type DeviceClass, type GuestView } from './api'
import { thisGate } from './gate'
import { screenOf, START, type Facts, type Given, type Screen } from './screens'
import { forgetSeat, rememberedSeat, rememberSeat } from './seat'

export interface Failure {
  code: string
  detail: string
}

export interface Visit {
  api: GuestApi
  screen: Screen
  facts: Facts
  busy: boolean
  failure: Failure | undefined
  /** The live updates are interrupted. */
  offline: boolean
  look: () => void
  enter: (takeOver: boolean) => void
  /** One request that answers with the guest's new view. True when it went well. */
  act: (request: () => Promise<GuestView>) => Promise<boolean>
  mark: (done: Partial<Pick<Facts, 'placed' | 'explained' | 'checked' | 'ended' | 'inUse'>>) => void
  /** Leaves for now. */
  leave: () => void
}

/** One visit by one link: what is known, and what can be done. */
export function useVisit(secret: string): Visit {
  const { language } = useLanguage()
  const [api] = useState(() => new GuestApi())
  const [given, setGiven] = useState<Given>(() => ({ ...START, gate: thisGate(), link: secret === '' ? 'unknown' : 'loading' }))
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<Failure>()
  const [offline, setOffline] = useState(false)
  // How far the device's clock is from the server's, in milliseconds.
  const [skew, setSkew] = useState(0)
  const [clock, setClock] = useState(() => Date.now())
  // A session that this browser still holds from before the page was loaded again.
  const held = useRef<GuestView>(undefined)

  useEffect(() => {
    api.speak(language)
  }, [api, language])
  // Inside, nothing depends on the hour but the end of a lock: no phone draws a call anew each second.
  const ticking = given.guest === undefined || given.guest.identity_locked_until !== undefined
  useEffect(() => {
    if (!ticking) return undefined
    const timer = setInterval(() => setClock(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [ticking])

  const change = useCallback((part: Partial<Given>) => setGiven((before) => ({ ...before, ...part })), [])

  const look = useCallback(async () => {
    try {
      const link = await api.look(secret)
      setFailure(undefined)
      setSkew(Date.parse(link.now) - Date.now())
      const seat = link.state === 'open' ? await rememberedSeat(secret) : undefined
      if (seat !== undefined) {
        const guest = await api.again().catch(() => undefined)
        held.current = guest?.participant_id === seat ? guest : undefined
      }
      change({ link })
    } catch (error) {
      const code = codeOf(error)
      change({ link: code === 'link-unknown' || code === 'validation-failed' ? 'unknown' : 'unreachable' })
    }
  }, [api, change, secret])
  useEffect(() => {
    if (secret === '') return undefined
    const soon = setTimeout(() => void look(), 0)
    return () => clearTimeout(soon)
  }, [look, secret])

  const refused = useCallback(
    (error: unknown) => {
      const code = codeOf(error)
      switch (code) {
        case 'unauthenticated':
          change({ ended: 'gone', guest: undefined })
          return
        case 'link-in-use':
          change({ inUse: true })
          return
        case 'link-too-early':
        case 'link-expired':
        case 'link-revoked':
        case 'link-unknown':
          change({ guest: undefined })
          void look()
          return
        default:
          setFailure({ code, detail: error instanceof Refused ? error.detail : '' })
      }
    },
    [change, look],
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

  const shared = typeof given.link === 'object' && given.link.shared_device
  const enter = useCallback(
    (takeOver: boolean) => {
      const before = held.current
      held.current = undefined
      change({ ended: undefined })
      void act(async () => {
        if (before !== undefined) return before
        const guest = await api.enter(secret, takeOver, deviceClass())
        await rememberSeat(secret, guest.participant_id, shared)
        change({ inUse: false, checked: false, explained: false })
        return guest
      })
    },
    [act, api, change, secret, shared],
  )

  const leave = useCallback(() => {
    forgetSeat()
    void api.leave().catch(() => undefined)
    change({ ended: 'left', guest: undefined, checked: false, explained: false })
  }, [api, change])

  const inside = given.guest !== undefined && given.ended === undefined
  const onRefused = useEffectEvent(refused)
  useEffect(() => {
    if (!inside) return undefined
    const events = new EventSource('/p/v1/events')
    events.addEventListener('open', () => setOffline(false))
    events.addEventListener('state', (event) => {
      setOffline(false)
      change({ guest: JSON.parse(event.data as string) as GuestView })
    })
    events.addEventListener('taken_over', () => {
      events.close()
      forgetSeat()
      change({ ended: 'taken-over', guest: undefined })
    })
    const ask = (): void => {
      api.again().then((guest) => change({ guest }), onRefused)
    }
    events.addEventListener('gone', () => {
      events.close()
      ask()
    })
    events.addEventListener('error', () => {
      setOffline(true)
      // The browser tries again by itself unless the server answered with a refusal.
      if (events.readyState === EventSource.CLOSED) ask()
    })
    return () => events.close()
  }, [api, change, inside])

  const now = clock + skew
  return useMemo(() => {
    const facts = { ...given, now }
    return {
      api,
      screen: screenOf(facts),
      facts,
      busy,
      failure,
      offline,
      look: () => void look(),
      enter,
      act,
      mark: change,
      leave,
    }
  }, [act, api, busy, change, enter, failure, given, leave, look, now, offline])
}

function deviceClass(): DeviceClass {
  if (!matchMedia('(pointer: coarse)').matches) return 'desktop'
  return Math.min(screen.width, screen.height) >= 600 ? 'tablet' : 'phone'
}
