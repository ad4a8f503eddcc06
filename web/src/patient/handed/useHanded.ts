import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { codeOf, isIn } from '../api'
import { happened, wentWrong } from '../diary'
import type { Visit } from '../useVisit'
import { isReadable, listOf, transportOf, withdraw, type Category, type Document } from './api'
import { prepare, type Unsendable } from '../../documents/photo'
import { upload } from './upload'

/** A file on its way to the professional. */
export interface Sending {
  id: number
  name: string
  /** Bytes, once it is known what is sent. */
  size: number
  sent: number
  state: 'preparing' | 'sending' | 'checking' | 'failed'
  /** Code of the refusal, or what is wrong with the file itself. */
  problem: string | undefined
}

export interface Handed {
  /** There are documents in this consultation, for this person. */
  possible: boolean
  maySend: boolean
  documents: readonly Document[]
  sending: readonly Sending[]
  /** Received, neither opened nor put aside: the oldest first. */
  news: readonly Document[]
  reload: () => void
  putAside: (id: string) => void
  send: (files: Iterable<File>, category?: Category) => void
  /** Stops a file that is on its way, or forgets one that failed. */
  drop: (id: number) => void
  takeBack: (id: string) => void
}

const SENDERS = ['patient', 'co_professional', 'bedside_professional']
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Documents received and sent, from the call to the end. */
export function useHanded(visit: Visit): Handed {
  const { api, onHint } = visit
  const { guest, ended } = visit.facts
  const possible = ended === undefined && guest.kind === 'dossier' && isIn(guest)
  const maySend = possible && guest.capabilities.includes('send_document') && SENDERS.includes(guest.role)
  const [documents, setDocuments] = useState<readonly Document[]>([])
  const [sending, setSending] = useState<readonly Sending[]>([])
  const [aside, setAside] = useState<ReadonlySet<string>>(new Set())
  const dropped = useRef(new Set<number>())
  const count = useRef(0)
  /** Files go one after the other: two at once on a weak line only slow each other, and the picture. */
  const turn = useRef(Promise.resolve())

  const reload = useCallback(() => {
    // What cannot be asked for now is asked for with the next hint.
    listOf(api).then(setDocuments, () => undefined)
  }, [api])
  useEffect(() => {
    if (!possible) return undefined
    reload()
    return onHint((what) => {
      if (what !== 'payments') reload()
    })
  }, [onHint, possible, reload])

  const change = useCallback((id: number, part: Partial<Sending>) => {
    setSending((before) => before.map((one) => (one.id === id ? { ...one, ...part } : one)))
  }, [])
  const forget = useCallback((id: number) => setSending((before) => before.filter((one) => one.id !== id)), [])

  const sendOne = useCallback(
    async (id: number, file: File, category: Category | undefined) => {
      const cancelled = (): boolean => dropped.current.has(id)
      if (cancelled()) return
      const ready = await prepare(file).catch((): Unsendable => 'type')
      if (typeof ready === 'string') {
        change(id, { state: 'failed', problem: ready })
        return
      }
      change(id, { state: 'sending', size: ready.file.size })
      try {
        const about = { name: ready.name, category: category ?? (ready.kind === 'pdf' ? 'other' : 'photo') }
        const done = await upload(ready.file, about, transportOf(api), {
          progress: (sent) => change(id, { sent, state: sent >= ready.file.size ? 'checking' : 'sending' }),
          cancelled,
          wait: pause,
        })
        if (done !== undefined) {
          happened('document_sent')
          setDocuments((before) => [...before.filter((one) => one.id !== done.id), done])
        }
        forget(id)
      } catch (error) {
        wentWrong('upload_failed')
        change(id, { state: 'failed', problem: codeOf(error) })
      }
    },
    [api, change, forget],
  )
  const send = useCallback(
    (files: Iterable<File>, category?: Category) => {
      for (const file of files) {
        count.current += 1
        const id = count.current
        setSending((before) => [...before, { id, name: file.name, size: file.size, sent: 0, state: 'preparing', problem: undefined }])
        turn.current = turn.current.then(() => sendOne(id, file, category))
      }
    },
    [sendOne],
  )
  const drop = useCallback(
    (id: number) => {
      dropped.current.add(id)
      forget(id)
    },
    [forget],
  )
  const takeBack = useCallback((id: string) => void withdraw(api, id).then(reload, reload), [api, reload])
  const putAside = useCallback((id: string) => setAside((before) => new Set([...before, id])), [])

  return useMemo(() => {
    const shown = documents.filter((one) => (one.own ? !['uploading', 'withdrawn', 'purged', 'rejected'].includes(one.state) : isReadable(one)))
    const news = shown.filter((one) => !one.own && one.state !== 'replaced' && one.first_opened_at === undefined && !aside.has(one.id))
    return { possible, maySend, documents: shown, sending, news, reload, putAside, send, drop, takeBack }
  }, [aside, documents, drop, maySend, possible, putAside, reload, send, sending, takeBack])
}
