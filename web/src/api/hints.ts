import { useEffect, useRef } from 'react'

export interface Hint {
  /** `null`: anything may have changed. */
  what: string | null
  consultation_id?: string
  participant_id?: string
}

/** Browsers give up for good after some refusals: then it is tried again after this long, in milliseconds. */
const AGAIN_MS = 8000

/** Listens to hints until the answer is called. The first hint comes at once and after every reconnection. */
export function listen(path: string, heard: (hint: Hint) => void): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  const open = (): void => {
    const stream = new EventSource(path)
    source = stream
    stream.addEventListener('hint', (event: MessageEvent<string>) => {
      try {
        heard(JSON.parse(event.data) as Hint)
      } catch {
        heard({ what: null })
      }
    })
    stream.onerror = () => {
      if (stream.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS)
    }
  }
  open()
  return () => {
    clearTimeout(timer)
    source?.close()
  }
}

export const allEvents = '/api/v1/consultations/events'
export const eventsOf = (id: string): string => `/api/v1/consultations/${id}/events`

export function useHints(path: string, heard: (hint: Hint) => void): void {
  const latest = useRef(heard)
  useEffect(() => {
    latest.current = heard
  }, [heard])
  useEffect(() => listen(path, (hint) => latest.current(hint)), [path])
}
