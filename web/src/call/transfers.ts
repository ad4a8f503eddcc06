/** Files on their way, in both directions, as the call page shows them. */
export interface Transfer {
  id: string
  direction: 'in' | 'out'
  name: string
  /** Bytes; unknown when a sender does not tell. */
  size: number | undefined
  /** Bytes moved so far. */
  moved: number
  state: 'moving' | 'done' | 'cancelled' | 'failed' | 'too-big'
  /** Name of the sender of a received file. */
  from?: string
  /** blob: address of a received file. */
  url?: string
}

/** The little of the WebRTC client's byte streams that this needs; tests stand in for it. */
export interface ByteWriter {
  write(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}
export interface ByteReader extends AsyncIterable<Uint8Array> {
  info: { name: string; size?: number | undefined }
}
export type OpenStream = (file: { name: string; size: number; type: string }) => Promise<ByteWriter>

export interface TransferEvents {
  /** Something to show changed. */
  changed: () => void
  arriving: (transfer: Transfer) => void
  arrived: (transfer: Transfer) => void
  gone: (transfer: Transfer) => void
}

/** Largest file accepted, either way: received files are held by the page. */
export const FILE_BYTES_MAX = 200_000_000
/** Bytes read from disk and handed to the client at once: small enough to show progress and to cancel. */
const SLICE_BYTES = 120_000
/** Chunks are folded into a Blob at this many bytes, so that the browser may move them out of memory. */
const FOLD_BYTES = 4_000_000

export class Transfers {
  private readonly known = new Map<string, Transfer>()
  private readonly cancelled = new Set<string>()
  private count = 0
  /** Sends go one after the other: streams share one channel, and two at once would only slow each other. */
  private turn: Promise<void> = Promise.resolve()
  private readonly openStream: OpenStream
  private readonly events: TransferEvents

  constructor(openStream: OpenStream, events: TransferEvents) {
    this.openStream = openStream
    this.events = events
  }

  /** Newest first. */
  list(): readonly Transfer[] {
    return [...this.known.values()].reverse()
  }

  received(): readonly Transfer[] {
    return this.list().filter((transfer) => transfer.direction === 'in' && transfer.state === 'done')
  }

  cancel(id: string): void {
    if (this.known.get(id)?.state !== 'moving') return
    this.cancelled.add(id)
    this.update(id, { state: 'cancelled' })
  }

  send(file: File): Promise<void> {
    const id = this.add({ direction: 'out', name: file.name, size: file.size, moved: 0, state: 'moving' })
    if (file.size > FILE_BYTES_MAX) {
      this.update(id, { state: 'too-big' })
      return Promise.resolve()
    }
    this.turn = this.turn.then(() => this.sendNow(id, file))
    return this.turn
  }

  private async sendNow(id: string, file: File): Promise<void> {
    if (this.cancelled.has(id)) return
    try {
      const writer = await this.openStream({ name: file.name, size: file.size, type: file.type })
      for (let at = 0; at < file.size && !this.cancelled.has(id); at += SLICE_BYTES) {
        const slice = await file.slice(at, at + SLICE_BYTES).arrayBuffer()
        await writer.write(new Uint8Array(slice))
        this.update(id, { moved: at + slice.byteLength })
      }
      // Closing early is the cancellation: readers know the size announced and take the file as incomplete.
      await writer.close()
      if (!this.cancelled.has(id)) {
        const done = this.update(id, { state: 'done', moved: file.size })
        if (done) this.events.gone(done)
      }
    } catch (error) {
      console.warn('a file could not be sent', error)
      if (!this.cancelled.has(id)) this.update(id, { state: 'failed' })
    }
  }

  async receive(reader: ByteReader, from: string): Promise<void> {
    const { name, size } = reader.info
    const id = this.add({ direction: 'in', name, size, moved: 0, state: 'moving', from })
    if (size !== undefined && size > FILE_BYTES_MAX) this.refuse(id)
    const arriving = this.known.get(id)
    if (arriving?.state === 'moving') this.events.arriving(arriving)
    let folded: Blob[] = []
    let chunks: BlobPart[] = []
    let unfolded = 0
    let moved = 0
    try {
      for await (const chunk of reader) {
        // An unwanted stream is still read to its end and thrown away: left unread it would pile up in the client.
        if (this.cancelled.has(id)) {
          folded = []
          chunks = []
          continue
        }
        chunks.push(chunk as Uint8Array<ArrayBuffer>)
        unfolded += chunk.byteLength
        moved += chunk.byteLength
        if (moved > FILE_BYTES_MAX) this.refuse(id)
        if (unfolded >= FOLD_BYTES) {
          folded.push(new Blob(chunks))
          chunks = []
          unfolded = 0
        }
        this.update(id, { moved })
      }
      if (this.cancelled.has(id)) return
      // Never the sender's type: a page opened from a blob: address would run with the rights of this one.
      const blob = new Blob([...folded, ...chunks], { type: 'application/octet-stream' })
      const done = this.update(id, { state: 'done', moved: blob.size, size: blob.size, url: URL.createObjectURL(blob) })
      if (done) this.events.arrived(done)
    } catch (error) {
      console.warn('a file did not arrive whole', error)
      if (!this.cancelled.has(id)) this.update(id, { state: 'failed' })
    }
  }

  private refuse(id: string): void {
    this.cancelled.add(id)
    this.update(id, { state: 'too-big' })
  }

  private add(transfer: Omit<Transfer, 'id'>): string {
    this.count += 1
    const id = `f${this.count}`
    this.known.set(id, { id, ...transfer })
    this.events.changed()
    return id
  }

  /** A cancelled or refused transfer keeps that state whatever happens behind it. */
  private update(id: string, change: Partial<Transfer>): Transfer | undefined {
    const before = this.known.get(id)
    if (before === undefined) return undefined
    const after = { ...before, ...change }
    this.known.set(id, after)
    this.events.changed()
    return after
  }
}
