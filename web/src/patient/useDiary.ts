import { useCallback, useEffect, useMemo, useRef } from 'react'
import { diagnostic, happened, wentWrong, type DiaryEvent } from './diary'
import type { Screen } from './screens'
import type { Visit } from './useVisit'

const ARRIVALS: Partial<Record<Screen, DiaryEvent>> = {
  identity: 'link_opened',
  consent: 'link_opened',
  place: 'consent_given',
  permissions: 'check_started',
  waiting: 'waiting',
  call: 'admitted',
}

/** Keeps the diary of a visit, and gives the help its means. */
export function useDiary(visit: Visit): { hours: string | undefined; send: (() => Promise<string>) | undefined } {
  const { api, screen, link } = visit
  const before = useRef<Screen>(undefined)
  useEffect(() => {
    const arrival = ARRIVALS[screen]
    if (before.current === 'check' && screen !== 'check') happened('check_done')
    if (before.current === 'call' && screen !== 'call') happened('call_left')
    if (arrival !== undefined) happened(arrival)
    if (screen === 'taken-over') wentWrong('taken_over')
    before.current = screen
  }, [screen])
  useEffect(() => {
    happened('page_opened')
    const visible = (): void => happened(document.visibilityState === 'visible' ? 'page_visible' : 'page_hidden')
    const offline = (): void => wentWrong('network_offline')
    document.addEventListener('visibilitychange', visible)
    addEventListener('offline', offline)
    return () => {
      document.removeEventListener('visibilitychange', visible)
      removeEventListener('offline', offline)
    }
  }, [])
  const send = useCallback(async () => {
    const { code } = await api.post<{ code: string }>('support/bundles', await diagnostic(screen))
    return code
  }, [api, screen])
  const inside = visit.facts.ended === undefined
  const hours = link?.contact_hours
  return useMemo(() => ({ hours, send: inside ? send : undefined }), [hours, inside, send])
}
