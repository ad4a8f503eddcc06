import { codeOf } from '../api'
import type { Category, Document, Transport } from './api'

/** Bytes of a piece: small enough to show progress on a weak line, and to lose little when it breaks. */
const PIECE_BYTES = 128 * 1024
/** Milliseconds before each new try after a failure; a piece that arrives begins them anew. */
export const PAUSES_MS: readonly number[] = [1000, 2000, 4000, 8000, 8000, 8000, 8000, 8000, 8000, 8000]
/** Failures that pass: the line, the server, the scanner of viruses. */
const PASSING = ['unreachable', 'unavailable', 'provider-unavailable', 'conflict', 'request-in-progress']

export interface Hooks {
  /** Bytes that are there. */
  progress: (sent: number) => void
  cancelled: () => boolean
  wait: (ms: number) => Promise<void>
}

/**
 * Hands a file over in pieces and goes on after every gap. `undefined`: cancelled, and given up at the server as well. Rejects
 * with what the server refused.
 */
export async function upload(
  file: Blob,
  about: { name: string; category: Category },
  transport: Transport,
  { progress, cancelled, wait }: Hooks,
): Promise<Document | undefined> {
  let failures = 0
  /** Tries until it works; `undefined` once cancelled, or so that the caller asks where to go on. */
  const attempt = async <T>(request: () => Promise<T>): Promise<T | undefined> => {
    if (cancelled()) return undefined
    try {
      const answer = await request()
      failures = 0
      return answer
    } catch (error) {
      const pause = PAUSES_MS[failures]
      if (!PASSING.includes(codeOf(error)) || pause === undefined) throw error
      failures += 1
      await wait(pause)
      return undefined
    }
  }
  const insist = async <T>(request: () => Promise<T>): Promise<T | undefined> => {
    let answer: T | undefined
    while (answer === undefined && !cancelled()) answer = await attempt(request)
    return answer
  }

  const sha256 = await digestOf(file)
  const begun = await insist(() => transport.announce({ ...about, size: file.size, sha256 }))
  if (begun === undefined) return undefined
  const { id } = begun.document
  const longest = Math.min(PIECE_BYTES, begun.piece_max)
  const send = async (): Promise<Document | undefined> => {
    let at = begun.received
    while (at < file.size && !cancelled()) {
      const first = at
      const sent = await attempt(() => transport.piece(id, first, file.slice(first, first + longest), file.size))
      // After a failure the server says how much of it arrived.
      const state = sent ?? (await insist(() => transport.state(id)))
      if (state === undefined) return undefined
      at = state.received
      progress(at)
    }
    while (!cancelled()) {
      const done = await attempt(() => finish(id, transport))
      if (done !== undefined) return done
    }
    return undefined
  }
  const done = await send()
  // Else it counts among the files of the consultation until it expires.
  if (done === undefined) await transport.giveUp(id).catch(() => undefined)
  return done
}

async function finish(id: string, transport: Transport): Promise<Document> {
  try {
    return await transport.complete(id)
  } catch (error) {
    if (codeOf(error) !== 'invalid-transition') throw error
    // It was completed before, and the answer was lost.
    return transport.one(id)
  }
}

async function digestOf(file: Blob): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', await file.arrayBuffer())
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
