import { useEffect, useRef, useState } from 'react'
import { ApiError } from '../api/client'
import { asApiError } from '../api/useAction'
import * as api from './api'
import { pointOf, readMetrics, type Point, type Reading } from './metrics'

/** Between two readings, in milliseconds. Workers tell of themselves once a second. */
const EVERY_MS = 2000
/** Kept for the plots: five minutes. */
const POINTS_MAX = 150

/** Does `look` at once and then again and again, while it is wanted and the page is seen. */
function useAgain(look: (signal: AbortSignal) => Promise<void>, wanted: boolean, what: string): void {
  const latest = useRef(look)
  useEffect(() => {
    latest.current = look
  })
  useEffect(() => {
    if (!wanted) return undefined
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const round = async (): Promise<void> => {
      if (document.visibilityState === 'visible') await latest.current(stop.signal)
      if (!stop.signal.aborted) timer = setTimeout(() => void round(), EVERY_MS)
    }
    void round()
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [wanted, what])
}

export interface Live {
  points: readonly Point[]
  rooms: readonly api.RoomRow[] | undefined
  /** The server wants an API key, or another one. */
  locked: boolean
  problem: ApiError | undefined
}

/** What the whole server does. */
export function useLive(key: string, running: boolean): Live {
  const before = useRef<Reading>(undefined)
  const [points, setPoints] = useState<readonly Point[]>([])
  const [rooms, setRooms] = useState<readonly api.RoomRow[]>()
  const [locked, setLocked] = useState(false)
  const [problem, setProblem] = useState<ApiError>()
  useAgain(
    async (signal) => {
      try {
        const reading = readMetrics(await api.metrics(signal), performance.now())
        const last = before.current
        // Workers tell of themselves once a second: a reading that comes too soon, as with a new key, would show a standstill.
        if (last === undefined || reading.at - last.at >= EVERY_MS / 2) {
          before.current = reading
          if (last !== undefined) setPoints((kept) => [...kept.slice(1 - POINTS_MAX), pointOf(last, reading)])
        }
        setRooms(await api.rooms(key, signal))
        setLocked(false)
        setProblem(undefined)
      } catch (error) {
        if (signal.aborted) return
        const refused = asApiError(error)
        if (refused.status === 401 || refused.status === 403) {
          setLocked(true)
          setRooms(undefined)
          setProblem(undefined)
        } else setProblem(refused)
      }
    },
    running,
    key,
  )
  return { points, rooms, locked, problem }
}

/** What one room does; `undefined` value until the first answer. */
export function useRoom(name: string, key: string, running: boolean): { value: api.Room | undefined; problem: ApiError | undefined } {
  const [state, setState] = useState<{ value: api.Room | undefined; problem: ApiError | undefined }>({ value: undefined, problem: undefined })
  useAgain(
    async (signal) => {
      try {
        const value = await api.room(name, key, signal)
        setState({ value, problem: undefined })
      } catch (error) {
        if (!signal.aborted) setState((kept) => ({ value: kept.value, problem: asApiError(error) }))
      }
    },
    running,
    `${name} ${key}`,
  )
  return state
}
