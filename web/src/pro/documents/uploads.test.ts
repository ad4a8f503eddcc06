import { expect, test } from 'vitest'
import { ApiError } from '../../api/client'
import type { DocumentBody, UploadState } from '../../api/documents'
import { sha256 } from './hash'
import { Uploads, type UploadApi, type UploadStep } from './uploads'

const PIECE = 256 * 1024
const file = (bytes: number): File => new File([new Uint8Array(bytes).map((_, at) => at % 251)], 'Ordonnance.pdf')
const shown = (state: DocumentBody['state']): DocumentBody => ({
  id: 'doc_1', version: 1, category: 'prescription', name: 'Ordonnance.pdf', mime: 'application/pdf', size: 1, sha256: '', state, signed: 'none', sender: 'par_1',
  own: true, visible_to: [], created_at: '2026-01-01T00:00:00Z', warnings: [],
})
const silence = (): ApiError => new ApiError(0, 'network', '')

/** A server that keeps what it is sent; `fail` may refuse a request, by its name and count. */
function server(fail: (what: keyof UploadApi, count: number) => Error | undefined = () => undefined) {
  const counts: Record<string, number> = {}
  const kept: Blob[] = []
  const announced: { sha256: string; size: number }[] = []
  let state: DocumentBody['state'] = 'uploading'
  const received = (): number => kept.reduce((sum, piece) => sum + piece.size, 0)
  const answer = (): UploadState => ({ document: shown(state), received: received(), piece_max: 1 << 20 })
  const count = (what: keyof UploadApi): void => {
    counts[what] = (counts[what] ?? 0) + 1
    const failure = fail(what, counts[what])
    if (failure !== undefined) throw failure
  }
  const api: UploadApi = {
    begin: async (_, body) => {
      count('begin')
      kept.length = 0
      announced.push(body)
      return Promise.resolve(answer())
    },
    piece: async (_, __, piece, first, ___, signal) => {
      signal?.throwIfAborted()
      count('piece')
      if (first !== received()) throw new ApiError(409, 'conflict', '')
      kept.push(piece)
      return Promise.resolve(answer())
    },
    progress: async () => {
      count('progress')
      return Promise.resolve(answer())
    },
    complete: async () => {
      count('complete')
      state = 'available'
      return Promise.resolve(shown(state))
    },
    withdraw: async () => {
      count('withdraw')
      return Promise.resolve(shown('purged'))
    },
  }
  return { api, counts, announced, bytes: () => new Blob(kept).arrayBuffer(), finish: (next: DocumentBody['state']) => (state = next) }
}

const sending = (bytes: number) => ({ file: file(bytes), category: 'prescription' as const, visibility: [{ role: 'patient' as const }] })
const atOnce = (): Promise<void> => Promise.resolve()

test('a file arrives whole, in pieces and in order, under the hash that was announced', async () => {
  const far = server()
  const steps = new Set<UploadStep>()
  const uploads = new Uploads('cs_1', far.api, atOnce)
  uploads.subscribe(() => uploads.list().forEach(({ step }) => steps.add(step)))
  const item = await uploads.add(sending(2 * PIECE + 7))
  expect(item.step).toBe('done')
  expect(far.counts.piece).toBe(3)
  const bytes = await far.bytes()
  expect(bytes.byteLength).toBe(2 * PIECE + 7)
  expect(far.announced[0]?.sha256).toBe(await sha256(bytes))
  expect([...steps]).toEqual(['reading', 'sending', 'checking', 'done'])
})

test('after a gap in the network it goes on from where the server has it', async () => {
  const far = server((what, count) => ((what === 'piece' && count === 2) || (what === 'progress' && count < 3) ? silence() : undefined))
  const steps: UploadStep[] = []
  const uploads = new Uploads('cs_1', far.api, atOnce)
  uploads.subscribe(() => steps.push(...uploads.list().map(({ step }) => step)))
  const item = await uploads.add(sending(3 * PIECE))
  expect(item.step).toBe('done')
  expect(steps).toContain('offline')
  expect(far.counts).toMatchObject({ begin: 1, piece: 4, progress: 3 })
  expect((await far.bytes()).byteLength).toBe(3 * PIECE)
})

test('a lost answer to the last step is not a lost document', async () => {
  const far = server((what, count) => {
    if (what !== 'complete') return undefined
    far.finish('available')
    return count === 1 ? silence() : new ApiError(409, 'invalid-transition', '')
  })
  const item = await new Uploads('cs_1', far.api, atOnce).add(sending(10))
  expect(item.step).toBe('done')
  expect(far.counts.complete).toBe(1)
})

test('a scanner that does not answer is asked again a few times, then the sender is told', async () => {
  const far = server((what) => (what === 'complete' ? new ApiError(503, 'provider-unavailable', 'Réessayez.') : undefined))
  const uploads = new Uploads('cs_1', far.api, atOnce)
  const item = await uploads.add(sending(10))
  expect(item.step).toBe('failed')
  expect(item.problem?.code).toBe('provider-unavailable')
  expect(far.counts.complete).toBe(5)
})

test('what failed goes on from its pieces when it is tried again', async () => {
  let closed = true
  const far = server((what) => (what === 'complete' && closed ? new ApiError(503, 'provider-unavailable', '') : undefined))
  const uploads = new Uploads('cs_1', far.api, atOnce)
  const { id } = await uploads.add(sending(PIECE))
  closed = false
  const done = new Promise<void>((resolve) => uploads.subscribe(() => {
    if (uploads.list()[0]?.step === 'done') resolve()
  }))
  uploads.retry(id)
  await done
  expect(far.counts).toMatchObject({ begin: 1, piece: 1 })
})

test('a refusal of the file ends it with the reason', async () => {
  const far = server((what) => (what === 'complete' ? new ApiError(415, 'file-type-not-allowed', '') : undefined))
  const item = await new Uploads('cs_1', far.api, atOnce).add(sending(10))
  expect([item.step, item.problem?.code, far.counts.complete]).toEqual(['failed', 'file-type-not-allowed', 1])
})

test('a cancelled upload sends nothing more and is given up at the server, and the next one has its turn', async () => {
  const far = server((what, count) => {
    if (what === 'piece' && count === 2) uploads.cancel('1')
    return undefined
  })
  const uploads: Uploads = new Uploads('cs_1', far.api, atOnce)
  const first = uploads.add(sending(4 * PIECE))
  const second = uploads.add(sending(10))
  expect((await first).step).toBe('cancelled')
  expect((await second).step).toBe('done')
  expect(far.counts).toMatchObject({ begin: 2, piece: 3, complete: 1, withdraw: 1 })
  uploads.forget('1')
  expect(uploads.list().map(({ id }) => id)).toEqual(['2'])
})
