import { describe, expect, test } from 'vitest'
import { Refused } from '../api'
import type { Document, Transport, UploadState } from './api'
import { PAUSES_MS, upload } from './upload'

const document = (state: Document['state']): Document => ({
  id: 'doc_1',
  category: 'photo',
  name: 'plaie.jpg',
  mime: 'image/jpeg',
  size: 300_000,
  state,
  own: true,
  created_at: '2026-05-14T12:30:00Z',
})
const file = new Blob([new Uint8Array(300_000).map((_, index) => index % 251)])

/** A server that keeps what arrives, and fails where it is told to. */
function server(fails: (call: string) => string | undefined) {
  const calls: string[] = []
  let received = 0
  let completed = false
  const answer = async <T>(call: string, work: () => T): Promise<T> => {
    calls.push(call)
    const code = fails(call)
    if (code === 'lost') {
      work()
      throw new Refused('unreachable', '')
    }
    if (code !== undefined) throw new Refused(code, '')
    return Promise.resolve(work())
  }
  const state = (): UploadState => ({ document: document('uploading'), received, piece_max: 1_048_576 })
  const transport: Transport = {
    announce: () => answer('announce', state),
    piece: (_, first, piece) =>
      answer(`piece ${first}`, () => {
        if (first === received) received += piece.size
        return state()
      }),
    state: () => answer('state', state),
    complete: () => {
      if (completed) return answer('complete again', () => { throw new Refused('invalid-transition', '') })
      return answer('complete', () => {
        completed = true
        return document('available')
      })
    },
    one: () => answer('one', () => document('available')),
    giveUp: () => answer('give up', () => document('purged')),
  }
  return { calls, transport, received: () => received }
}
const once = (wanted: string, code: string) => {
  let left = 1
  return (call: string) => (call === wanted && (left -= 1) === 0 ? code : undefined)
}
const hooks = (cancelled = () => false) => {
  const waits: number[] = []
  const shares: number[] = []
  return {
    waits,
    shares,
    given: {
      progress: (sent: number) => shares.push(sent),
      cancelled,
      wait: (ms: number) => {
        waits.push(ms)
        return Promise.resolve()
      },
    },
  }
}
const about = { name: 'plaie.jpg', category: 'photo' as const }

describe('a file is handed over', () => {
  test('in pieces, in order, and then completed', async () => {
    const { calls, transport } = server(() => undefined)
    const { shares, given } = hooks()
    expect((await upload(file, about, transport, given))?.state).toBe('available')
    expect(calls).toEqual(['announce', 'piece 0', 'piece 131072', 'piece 262144', 'complete'])
    expect(shares).toEqual([131_072, 262_144, 300_000])
  })

  test('from where the server is, after a piece that got lost', async () => {
    const { calls, transport, received } = server(once('piece 131072', 'unreachable'))
    await upload(file, about, transport, hooks().given)
    expect(calls).toEqual(['announce', 'piece 0', 'piece 131072', 'state', 'piece 131072', 'piece 262144', 'complete'])
    expect(received()).toBe(300_000)
  })

  test('without sending a piece twice whose answer alone got lost', async () => {
    const { calls, transport } = server(once('piece 131072', 'lost'))
    await upload(file, about, transport, hooks().given)
    expect(calls).toEqual(['announce', 'piece 0', 'piece 131072', 'state', 'piece 262144', 'complete'])
  })

  test('though the answer of the completion got lost', async () => {
    const { calls, transport } = server(once('complete', 'lost'))
    expect((await upload(file, about, transport, hooks().given))?.id).toBe('doc_1')
    expect(calls.slice(-3)).toEqual(['complete', 'complete again', 'one'])
  })
})

test('what the server refuses for good is told at once', async () => {
  const { transport } = server((call) => (call === 'complete' ? 'file-type-not-allowed' : undefined))
  const { waits, given } = hooks()
  await expect(upload(file, about, transport, given)).rejects.toMatchObject({ code: 'file-type-not-allowed' })
  expect(waits).toEqual([])
})

test('a line that stays dead is given up in the end', async () => {
  const { transport } = server((call) => (call === 'announce' ? undefined : 'unreachable'))
  const { waits, given } = hooks()
  await expect(upload(file, about, transport, given)).rejects.toMatchObject({ code: 'unreachable' })
  expect(waits).toEqual(PAUSES_MS)
})

test('once it is cancelled nothing is sent any more, and the server forgets what it has', async () => {
  const { calls, transport } = server(() => undefined)
  expect(await upload(file, about, transport, hooks(() => calls.includes('piece 0')).given)).toBeUndefined()
  expect(calls).toEqual(['announce', 'piece 0', 'give up'])
})

test('what was not even announced is given up by nobody, and a giving up that fails fails nothing', async () => {
  const early = server(() => undefined)
  expect(await upload(file, about, early.transport, hooks(() => true).given)).toBeUndefined()
  expect(early.calls).toEqual([])
  const { calls, transport } = server((call) => (call === 'give up' ? 'unreachable' : undefined))
  expect(await upload(file, about, transport, hooks(() => calls.includes('announce')).given)).toBeUndefined()
  expect(calls).toEqual(['announce', 'give up'])
})
