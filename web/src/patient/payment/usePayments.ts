import { useCallback, useEffect, useMemo, useState } from 'react'
import { codeOf, isIn } from '../api'
import type { Visit } from '../useVisit'
import { asideKey, openPayment, paymentsOf, type Payment } from './payments'

export interface Payments {
  all: readonly Payment[]
  aside: ReadonlySet<string>
  /** Of the payment whose page is asked for now. */
  busy: string | undefined
  /** Code of the last refusal. */
  problem: string | undefined
  /** The page to pay on, where the browser let no tab be opened. */
  blocked: { id: string; url: string } | undefined
  pay: (id: string) => void
  putAside: (payment: Payment) => void
}

const PAYERS = ['patient', 'carer', 'interpreter', 'facility_staff']

/** What there is to pay, from the call to the end. */
export function usePayments(visit: Visit): Payments {
  const { api, onHint } = visit
  const { guest, ended } = visit.facts
  const possible = ended === undefined && guest.kind === 'dossier' && isIn(guest) && PAYERS.includes(guest.role)
  const [all, setAll] = useState<readonly Payment[]>([])
  const [aside, setAside] = useState<ReadonlySet<string>>(new Set())
  const [busy, setBusy] = useState<string>()
  const [problem, setProblem] = useState<string>()
  const [blocked, setBlocked] = useState<{ id: string; url: string }>()

  const reload = useCallback(() => {
    // What cannot be asked for now is asked for with the next hint.
    paymentsOf(api).then(setAll, () => undefined)
  }, [api])
  useEffect(() => {
    if (!possible) return undefined
    reload()
    return onHint((what) => {
      if (what !== 'documents') reload()
    })
  }, [onHint, possible, reload])

  const pay = useCallback(
    (id: string) => {
      // Opened with the tap itself: later the browser would take it for an advertisement. The call stays in its own tab.
      const tab = open('', '_blank')
      if (tab !== null) tab.opener = null
      setBusy(id)
      setProblem(undefined)
      setBlocked(undefined)
      openPayment(api, id)
        .then(
          ({ url }) => {
            if (tab === null || tab.closed) setBlocked({ id, url })
            else tab.location.replace(url)
          },
          (error: unknown) => {
            tab?.close()
            setProblem(codeOf(error))
          },
        )
        .finally(() => {
          setBusy(undefined)
          reload()
        })
    },
    [api, reload],
  )
  const putAside = useCallback((payment: Payment) => setAside((before) => new Set([...before, asideKey(payment)])), [])

  return useMemo(() => ({ all, aside, busy, problem, blocked, pay, putAside }), [all, aside, blocked, busy, pay, problem, putAside])
}
