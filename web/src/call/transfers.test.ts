import { expect, test, vi } from 'vitest'
import { FILE_BYTES_MAX, Transfers, type ByteReader, type OpenStream } from './transfers'

const events = () => ({ changed: vi.fn(), arriving: vi.fn(), arrived: vi.fn(), gone: vi.fn() })

function recorder(onWrite: (n: number) => void = () => undefined) {
  const written: Uint8Array[] = []
  const close = vi.fn(() => Promise.resolve())
  const open: OpenStream = () =>
    Promise.resolve({
      write: (bytes) => {
        written.push(bytes)
        onWrite(written.length)
        return Promise.resolve()
      },
      close,
    })
  return { written, close, open }
}

const reader = (chunks: Uint8Array[], size?: number, failure?: Error): ByteReader => ({
  info: { name: 'a.pdf', size },
  async *[Symbol.asyncIterator]() {
    for (const chunk of chunks) yield await Promise.resolve(chunk)
    if (failure) throw failure
  },
})

test('a file is sent whole, in order, and then closed', async () => {
  const { written, close, open } = recorder()
  const told = events()
  const transfers = new Transfers(open, told)
  const bytes = Uint8Array.from({ length: 300_001 }, (_, i) => i % 251)
  await transfers.send(new File([bytes], 'a.bin'))
  expect(Buffer.concat(written).equals(Buffer.from(bytes))).toBe(true)
  expect(close).toHaveBeenCalledOnce()
  expect(transfers.list()[0]).toMatchObject({ state: 'done', moved: 300_001 })
  expect(told.gone).toHaveBeenCalledOnce()
})

test('a cancelled file stops early and its stream is closed, so that readers see it incomplete', async () => {
  const told = events()
  const { written, close, open } = recorder((n) => {
    if (n === 2) transfers.cancel('f1')
  })
  const transfers = new Transfers(open, told)
  await transfers.send(new File([new Uint8Array(1_000_000)], 'a.bin'))
  expect(written.length).toBe(2)
  expect(close).toHaveBeenCalledOnce()
  expect(transfers.list()[0]?.state).toBe('cancelled')
  expect(told.gone).not.toHaveBeenCalled()
})

test('a failed send says so, and the next file still goes', async () => {
  let fail = true
  const { open } = recorder()
  const transfers = new Transfers((file) => (fail ? Promise.reject(new Error('closed')) : open(file)), events())
  const silent = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  await transfers.send(new File(['x'], 'a'))
  fail = false
  await transfers.send(new File(['y'], 'b'))
  expect(transfers.list().map((transfer) => transfer.state)).toEqual(['done', 'failed'])
  silent.mockRestore()
})

test('a received file is offered as plain bytes whatever type its sender claims', async () => {
  const told = events()
  const transfers = new Transfers(recorder().open, told)
  await transfers.receive(reader([Uint8Array.of(1, 2), Uint8Array.of(3)], 3), 'Zoé')
  const [got] = transfers.received()
  expect(got).toMatchObject({ state: 'done', size: 3, from: 'Zoé' })
  const blob = await (await fetch(got?.url ?? '')).blob()
  expect(blob.type).toBe('application/octet-stream')
  expect([...new Uint8Array(await blob.arrayBuffer())]).toEqual([1, 2, 3])
})

test('a broken stream is told as failed and offers nothing', async () => {
  const transfers = new Transfers(recorder().open, events())
  const silent = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  await transfers.receive(reader([Uint8Array.of(1)], 3, new Error('incomplete')), 'Zoé')
  expect(transfers.list()[0]?.state).toBe('failed')
  expect(transfers.received()).toEqual([])
  silent.mockRestore()
})

test('files over the limit are neither sent nor kept', async () => {
  const { open, written } = recorder()
  const told = events()
  const transfers = new Transfers(open, told)
  await transfers.send(Object.defineProperty(new File(['x'], 'big'), 'size', { value: FILE_BYTES_MAX + 1 }))
  await transfers.receive(reader([Uint8Array.of(1)], FILE_BYTES_MAX + 1), 'Zoé')
  expect(transfers.list().map((transfer) => transfer.state)).toEqual(['too-big', 'too-big'])
  expect(written).toEqual([])
  expect(told.arriving).not.toHaveBeenCalled()
})
