import { useEffect, useRef, useState } from 'react'
import type { ApiError } from '../api/client'
import { asApiError } from '../api/useAction'
import type { Page } from '../api/types'

interface Pages<T> {
  items: readonly T[] | undefined
  problem: ApiError | undefined
  /** Asks for what follows; none when that was all. */
  more: (() => void) | undefined
  reload: () => void
}

interface State<T> {
  key: string
  items: readonly T[] | undefined
  next: string | undefined
  problem: ApiError | undefined
}

/** A list that is asked for page by page. A change of `key` begins anew. */
export function usePages<T>(key: string, load: (cursor?: string) => Promise<Page<T>>): Pages<T> {
  const [state, setState] = useState<State<T>>({ key, items: undefined, next: undefined, problem: undefined })
  const [round, setRound] = useState(0)
  const latest = useRef(load)
  useEffect(() => {
    latest.current = load
  })
  useEffect(() => {
    let here = true
    latest.current().then(
      ({ items, next }) => {
        if (here) setState({ key, items, next: next ?? undefined, problem: undefined })
      },
      (error: unknown) => {
        if (here) setState({ key, items: undefined, next: undefined, problem: asApiError(error) })
      },
    )
    return () => {
      here = false
    }
  }, [key, round])
  const fresh = state.key === key
  const { next } = state
  const more = (): void => {
    load(next).then(
      (page) => setState((kept) => (kept.key === key && kept.next === next ? { key, items: [...(kept.items ?? []), ...page.items], next: page.next ?? undefined, problem: undefined } : kept)),
      (error: unknown) => setState((kept) => (kept.key === key ? { ...kept, problem: asApiError(error) } : kept)),
    )
  }
  return {
    items: fresh ? state.items : undefined,
    problem: fresh ? state.problem : undefined,
    more: fresh && next !== undefined ? more : undefined,
    reload: () => setRound((before) => before + 1),
  }
}
