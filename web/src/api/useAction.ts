import { useCallback, useEffect, useRef, useState } from 'react'
import { ApiError } from './client'

export const asApiError = (error: unknown): ApiError => {
  if (error instanceof ApiError) return error
  console.error(error)
  return new ApiError(0, 'unexpected', '')
}

export interface Action {
  busy: boolean
  problem: ApiError | undefined
  /** Does it once at a time; true when it worked. */
  run: (work: () => Promise<unknown>) => Promise<boolean>
  clear: () => void
}

/** Something a button starts: busy while it runs, and why it failed. */
export function useAction(): Action {
  const [state, setState] = useState<{ busy: boolean; problem: ApiError | undefined }>({ busy: false, problem: undefined })
  const running = useRef(false)
  const run = useCallback(async (work: () => Promise<unknown>): Promise<boolean> => {
    if (running.current) return false
    running.current = true
    setState({ busy: true, problem: undefined })
    try {
      await work()
      setState({ busy: false, problem: undefined })
      return true
    } catch (error) {
      setState({ busy: false, problem: asApiError(error) })
      return false
    } finally {
      running.current = false
    }
  }, [])
  const clear = useCallback(() => setState({ busy: false, problem: undefined }), [])
  return { ...state, run, clear }
}

export interface Loaded<T> {
  value: T | undefined
  problem: ApiError | undefined
  reload: () => void
}

/** Loads when `key` changes and when told so; what was there stays until the new is. */
export function useLoad<T>(key: string, load: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key: string; value: T | undefined; problem: ApiError | undefined }>({
    key,
    value: undefined,
    problem: undefined,
  })
  const [round, setRound] = useState(0)
  const latest = useRef(load)
  useEffect(() => {
    latest.current = load
  })
  useEffect(() => {
    let wanted = true
    latest.current().then(
      (value) => {
        if (wanted) setState({ key, value, problem: undefined })
      },
      (error: unknown) => {
        if (wanted) setState((before) => ({ key, value: before.key === key ? before.value : undefined, problem: asApiError(error) }))
      },
    )
    return () => {
      wanted = false
    }
  }, [key, round])
  const reload = useCallback(() => setRound((before) => before + 1), [])
  const fresh = state.key === key
  return { value: fresh ? state.value : undefined, problem: fresh ? state.problem : undefined, reload }
}
