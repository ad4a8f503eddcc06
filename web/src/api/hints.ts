import { useEffect, useRef } from 'react'
import { credentials, requestStream } from './client'

export interface Hint {
  /** `null`: anything may have changed. */
  what: string | null
  consultation_id?: string
  participant_id?: string
}

/** Browsers give up for good after some refusals: then it is tried again after this long, in milliseconds. */
const AGAIN_MS = 8000

function hintOf(data: string): Hint {
  try {
    return JSON.parse(data) as Hint
  } catch {
    return { what: null }
  }
}

/** Listens to hints until the answer is called. The first hint comes at once and after every reconnection. */
export function listen(path: string, heard: (hint: Hint) => void): () => void {
  // An EventSource carries cookies and nothing else.
  return credentials().mode === 'omit' ? listenByFetch(path, heard) : listenByCookie(path, heard)
}

function listenByCookie(path: string, heard: (hint: Hint) => void): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  const open = (): void => {
    const stream = new EventSource(path)
    source = stream
    stream.addEventListener('hint', (event: MessageEvent<string>) => {
      heard(hintOf(event.data))
    })
    stream.onerror = () => {
      if (stream.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS)
    }
  }
  // A page that the browser keeps for the way back would keep its connection too, and there are six for one server.
  const rest = (): void => {
    clearTimeout(timer)
    source?.close()
  }
  const wake = (event: PageTransitionEvent): void => {
    if (event.persisted) open()
  }
  addEventListener('pagehide', rest)
  addEventListener('pageshow', wake)
  open()
  return () => {
    removeEventListener('pagehide', rest)
    removeEventListener('pageshow', wake)
    rest()
  }
}

/** The data of the whole events in a text of server-sent events, and what is left of it. */
export function eventsIn(text: string): { data: string[]; rest: string } {
  const blocks = text.replace(/\r\n?/g, '\n').split('\n\n')
  const rest = blocks.pop() ?? ''
  const data = blocks.map((block) =>
    block
      .split('\n')
      .filter((line) => line.startsWith('data:'))
      .map((line) => line.slice(5).trimStart())
      .join('\n'),
  )
  return { data: data.filter((each) => each !== ''), rest }
}

function listenByFetch(path: string, heard: (hint: Hint) => void): () => void {
  const stop = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const open = async (): Promise<void> => {
    try {
      const reader = (await requestStream(path, stop.signal)).getReader()
      const decoder = new TextDecoder()
      let text = ''
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        const { data, rest } = eventsIn(text + decoder.decode(value, { stream: true }))
        text = rest
        for (const each of data) heard(hintOf(each))
      }
    } catch {
      // Cut off, or refused for now: tried again below, until nobody listens any more.
    }
    if (!stop.signal.aborted) timer = setTimeout(() => void open(), AGAIN_MS)
  }
  void open()
  return () => {
    stop.abort()
    clearTimeout(timer)
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
