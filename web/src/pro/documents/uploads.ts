import { ApiError } from '../../api/client'
import { documents, type DocumentBody, type NewDocument, type UploadState } from '../../api/documents'
import { asApiError } from '../../api/useAction'
import { sha256 } from './hash'

/** Pieces are this long, in bytes: short enough for a bar that moves, and above the least that the server takes. */
const PIECE = 256 * 1024
/** Before another try without an answer, in milliseconds; sooner where the browser says that the network is back. */
const WAITS_MS = [1000, 2000, 4000, 8000] as const
/** How often a piece, or a scanner that does not answer, is tried again before the sender is asked. */
const TRIES = 4
const waitOf = (round: number): number => WAITS_MS[Math.min(round, WAITS_MS.length - 1)] ?? 8000

export type UploadStep =
  | 'reading'
  | 'sending'
  /** The network is gone; it goes on by itself. */
  | 'offline'
  /** Received; the server looks at it. */
  | 'checking'
  | 'done'
  | 'failed'
  | 'cancelled'

export interface UploadItem {
  id: string
  name: string
  size: number
  /** Bytes at the server. */
  sent: number
  step: UploadStep
  problem: ApiError | undefined
  /** As it was announced; once done, as it was handed over. */
  document: DocumentBody | undefined
}

export interface Sending {
  file: File
  category: NewDocument['category']
  visibility: NewDocument['visibility']
  replaces?: string
}

/** What uploads ask of the server; apart for the tests. */
export type UploadApi = Pick<typeof documents, 'begin' | 'piece' | 'progress' | 'complete' | 'withdraw'>

/** Waits a moment, or until the network is back. Ends at once when the signal is given. */
export type Pause = (milliseconds: number, signal: AbortSignal) => Promise<void>

const wait: Pause = (milliseconds, signal) =>
  new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer)
      removeEventListener('online', over)
      signal.removeEventListener('abort', over)
      resolve()
    }
    const timer = setTimeout(over, milliseconds)
    addEventListener('online', over)
    signal.addEventListener('abort', over)
  })

/** Asked anew each time: it changes while something is awaited. */
const isOver = (signal: AbortSignal): boolean => signal.aborted

interface Job {
  item: UploadItem
  sending: Sending
  stop: AbortController
  /** Announced already: another try goes on there. */
  document: string | undefined
}

/** Files on their way into one consultation, one after the other; each goes on from where the server has it. */
export class Uploads {
  private items: readonly UploadItem[] = []
  private readonly jobs = new Map<string, Job>()
  private readonly listeners = new Set<() => void>()
  private line: Promise<void> = Promise.resolve()
  private count = 0
  private readonly consultation: string
  private readonly api: UploadApi
  private readonly pause: Pause

  constructor(consultation: string, api: UploadApi = documents, pause: Pause = wait) {
    this.consultation = consultation
    this.api = api
    this.pause = pause
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
  readonly list = (): readonly UploadItem[] => this.items

  /** Resolves when it is over, whatever came of it. */
  add(sending: Sending): Promise<UploadItem> {
    this.count += 1
    const { name, size } = sending.file
    const item: UploadItem = { id: String(this.count), name, size, sent: 0, step: 'reading', problem: undefined, document: undefined }
    const job: Job = { item, sending, stop: new AbortController(), document: undefined }
    this.jobs.set(item.id, job)
    this.items = [...this.items, item]
    this.tell()
    return this.start(job)
  }

  /** What failed is tried again from where it stands. */
  retry(id: string): void {
    const job = this.jobs.get(id)
    if (job === undefined || job.item.step !== 'failed') return
    job.stop = new AbortController()
    this.set(job, { step: 'reading', problem: undefined })
    void this.start(job)
  }

  cancel(id: string): void {
    const job = this.jobs.get(id)
    if (job === undefined || job.item.step === 'done') return
    job.stop.abort()
    this.set(job, { step: 'cancelled' })
    // Else it counts among the files of the consultation until it expires. Of what was refused nothing is left to take back.
    if (job.document !== undefined) this.api.withdraw(this.consultation, job.document).catch(() => undefined)
  }

  /** Takes what is over out of the list. */
  forget(id: string): void {
    this.jobs.delete(id)
    this.items = this.items.filter((item) => item.id !== id)
    this.tell()
  }

  private start(job: Job): Promise<UploadItem> {
    const work = this.line.then(() => this.work(job))
    this.line = work.then(
      () => undefined,
      () => undefined,
    )
    return work.then(() => job.item)
  }

  private async work(job: Job): Promise<void> {
    const { signal } = job.stop
    if (isOver(signal)) return
    try {
      const document = await this.send(job, signal)
      this.set(job, { step: 'done', sent: job.item.size, document })
    } catch (failure) {
      if (isOver(signal)) return
      this.set(job, { step: 'failed', problem: asApiError(failure) })
    }
  }

  private async send(job: Job, signal: AbortSignal): Promise<DocumentBody> {
    const { file, category, visibility, replaces } = job.sending
    let state: UploadState
    if (job.document === undefined) {
      const bytes = await file.arrayBuffer().catch(() => {
        // Moved or changed since it was chosen.
        throw new ApiError(0, 'unreadable', '')
      })
      const announced: NewDocument = { name: file.name, size: file.size, sha256: await sha256(bytes), category, visibility, ...(replaces === undefined ? {} : { replaces }) }
      state = await this.lasting(job, signal, () => this.api.begin(this.consultation, announced, signal))
      job.document = state.document.id
      this.set(job, { document: state.document })
    } else {
      state = await this.where(job, signal, job.document)
    }
    const id = job.document
    let failed = 0
    while (state.received < file.size) {
      this.set(job, { step: 'sending', sent: state.received })
      const { received, piece_max } = state
      const piece = file.slice(received, Math.min(file.size, received + Math.min(PIECE, piece_max)))
      try {
        state = await this.api.piece(this.consultation, id, piece, received, file.size, signal)
        failed = 0
      } catch (failure) {
        if (isOver(signal) || !comesBack(asApiError(failure)) || failed >= TRIES) throw failure
        if (failed > 0) await this.pause(waitOf(failed), signal)
        failed += 1
        state = await this.where(job, signal, id)
      }
    }
    return this.complete(job, signal, id)
  }

  private async complete(job: Job, signal: AbortSignal, id: string): Promise<DocumentBody> {
    for (let failed = 0; ; failed += 1) {
      this.set(job, { step: 'checking', sent: job.item.size })
      try {
        return await this.api.complete(this.consultation, id, signal)
      } catch (failure) {
        if (isOver(signal)) throw failure
        const problem = asApiError(failure)
        const over = problem.code === 'invalid-transition'
        if (!over && (!comesBack(problem) || failed >= TRIES)) throw failure
        if (!over) await this.pause(waitOf(failed), signal)
        // The answer may have been lost, not the work.
        const { document } = await this.where(job, signal, id)
        if (document.state === 'available' || document.state === 'opened') return document
        if (over) throw failure
      }
    }
  }

  /** Where the server has it. */
  private where(job: Job, signal: AbortSignal, id: string): Promise<UploadState> {
    return this.lasting(job, signal, () => this.api.progress(this.consultation, id, signal))
  }

  /** Tries until there is an answer. */
  private async lasting<T>(job: Job, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
    for (let round = 0; ; round += 1) {
      try {
        return await ask()
      } catch (failure) {
        if (isOver(signal) || !isSilence(asApiError(failure))) throw failure
        this.set(job, { step: 'offline' })
        await this.pause(waitOf(round), signal)
        if (isOver(signal)) throw failure
      }
    }
  }

  private set(job: Job, change: Partial<UploadItem>): void {
    if (job.item.step === 'cancelled' && change.step !== 'cancelled') return
    job.item = { ...job.item, ...change }
    this.items = this.items.map((item) => (item.id === job.item.id ? job.item : item))
    this.tell()
  }

  private tell(): void {
    for (const listener of this.listeners) listener()
  }
}

/** No answer, or a proxy's while the server is away. */
const isSilence = ({ code, status }: ApiError): boolean => code === 'network' || status === 502 || status === 504

/** Refusals after which the same file can still arrive. */
const comesBack = (problem: ApiError): boolean =>
  isSilence(problem) || problem.status === 503 || problem.status === 429 || problem.code === 'conflict'

const running = new Map<string, Uploads>()

/** The uploads of a consultation: they go on while other pages of the professional are looked at. */
export function uploadsOf(consultation: string): Uploads {
  const found = running.get(consultation)
  if (found !== undefined) return found
  const made = new Uploads(consultation)
  running.set(consultation, made)
  return made
}
