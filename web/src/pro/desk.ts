import { createContext, useContext, useEffect, useRef, useState } from 'react'
import { consultations } from '../api/clinic'
import { documents, type DocumentBody } from '../api/documents'
import { eventsOf, useHints } from '../api/hints'
import { payments, type Payment } from '../api/payments'
import type { Consultation } from '../api/types'
import { useLoad, type Loaded } from '../api/useAction'

/** One consultation with everything around it, as the professional works on it. */
export interface Desk {
  consultation: Consultation
  etag: string
  /** Asked by its owner, not by a colleague. */
  own: boolean
  documents: Loaded<DocumentBody[]>
  payments: Loaded<Payment[]>
  /** Asks for the consultation again. */
  reload: () => void
}

const DeskContext = createContext<Desk | undefined>(undefined)
export const DeskProvider = DeskContext.Provider

export function useDesk(): Desk {
  const desk = useContext(DeskContext)
  if (desk === undefined) throw new Error('outside of a consultation')
  return desk
}

/** Loads and keeps loading: one stream of hints says what has changed. */
export function useDeskOf(id: string, me: string): { desk: Desk | undefined; loaded: Loaded<unknown> } {
  const loaded = useLoad(id, () => consultations.get(id))
  const consultation = loaded.value?.value
  const dossier = consultation?.kind === 'dossier'
  const own = consultation?.owner === me
  const found = useLoad(`documents ${id} ${dossier}`, () => (dossier ? documents.list(id) : Promise.resolve([])))
  const paid = useLoad(`payments ${id} ${dossier} ${own}`, () => (dossier && own ? payments.list(id) : Promise.resolve([])))
  useHints(eventsOf(id), ({ what }) => {
    if (what === 'documents' || what === null) found.reload()
    if (what === 'payments' || what === null) paid.reload()
    if (what !== 'documents' && what !== 'payments') loaded.reload()
  })
  const desk =
    loaded.value === undefined || consultation === undefined
      ? undefined
      : { consultation, etag: loaded.value.etag, own, documents: found, payments: paid, reload: loaded.reload }
  return { desk, loaded }
}

/** Tells what of a list was not so before; the first list tells nothing. */
export function useNews<T>(list: readonly T[] | undefined, mark: (one: T) => string, tell: (one: T) => void): void {
  const [seen] = useState(() => new Set<string>())
  const first = useRef(true)
  const latest = useRef({ mark, tell })
  useEffect(() => {
    latest.current = { mark, tell }
  })
  useEffect(() => {
    if (list === undefined) return
    for (const one of list) {
      const word = latest.current.mark(one)
      if (!seen.has(word) && !first.current) latest.current.tell(one)
      seen.add(word)
    }
    first.current = false
  }, [list, seen])
}
