/** What was measured of the line; `undefined`: not known. */
export interface Measured {
  websocket: boolean
  rttMs: number | undefined
  jitterMs: number | undefined
  /** Echoes that did not come back within a second, in tenths of a percent. */
  lossPermille: number | undefined
  upKbps: number | undefined
  downKbps: number | undefined
}

export type Verdict = 'green' | 'orange' | 'red'

/** As the server judges it: green has room for picture and sound, orange will be poor, red is better done by telephone. */
export function verdictOf({ websocket, rttMs, lossPermille, upKbps, downKbps }: Measured): Verdict {
  const below = (kbps: number | undefined, least: number): boolean => kbps !== undefined && kbps < least
  if (!websocket || below(upKbps, 40) || below(downKbps, 40)) return 'red'
  const poor = below(upKbps, 300) || below(downKbps, 300) || (lossPermille ?? 0) > 50 || (rttMs ?? 0) > 400
  return poor ? 'orange' : 'green'
}

/** From the times of echoes; `undefined` stands for one that did not come back. */
export function echoesOf(times: readonly (number | undefined)[]): Pick<Measured, 'rttMs' | 'jitterMs' | 'lossPermille'> {
  const came = times.filter((time) => time !== undefined)
  if (times.length === 0) return { rttMs: undefined, jitterMs: undefined, lossPermille: undefined }
  const sorted = [...came].sort((a, b) => a - b)
  const steps = came.slice(1).map((time, index) => Math.abs(time - (came[index] ?? time)))
  const mean = (all: readonly number[]): number => all.reduce((sum, one) => sum + one, 0) / Math.max(1, all.length)
  return {
    rttMs: came.length === 0 ? undefined : Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0),
    jitterMs: came.length < 2 ? undefined : Math.round(mean(steps)),
    lossPermille: Math.round(((times.length - came.length) / times.length) * 1000),
  }
}

/** No such prober, asked too often, too many at once: nothing is known of the line. */
const NOT_NOW = [404, 429, 503]
const BLOCKED: Measured = { websocket: false, rttMs: undefined, jitterMs: undefined, lossPermille: undefined, upKbps: undefined, downKbps: undefined }
const OPEN_MS = 4000
const ECHOES = 10
const ECHO_EVERY_MS = 100
const ECHO_LATE_MS = 1000
/** Enough to tell 300 kbit/s from more within the time that people wait. */
const DOWN_BYTES = 200_000
const UP_BYTES = 128_000
const MESSAGE_BYTES = 16_000
const TRANSFER_MS = 2500

const ECHO = 0
const DOWN = 1
const UP = 2
const COUNTED = 3
const DOWN_DONE = 0x11

/** Asks the server's own prober: at most eight seconds. `undefined`: it was too busy, or does not exist; nothing is known then. */
export async function measure(stopped: () => boolean = () => false): Promise<Measured | undefined> {
  const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/p/v1/network-probe`)
  socket.binaryType = 'arraybuffer'
  try {
    const opened = await within(OPEN_MS, new Promise<boolean>((resolve) => {
      socket.addEventListener('open', () => resolve(true))
      socket.addEventListener('close', () => resolve(false))
    }))
    if (opened !== true) {
      // A refusal looks like a blocked line: a plain request tells them apart.
      const status = await fetch('/p/v1/network-probe', { cache: 'no-store' }).then((response) => response.status, () => 0)
      return opened === false && NOT_NOW.includes(status) ? undefined : BLOCKED
    }
    const echoes = await echo(socket)
    const downKbps = stopped() ? undefined : await download(socket)
    const upKbps = stopped() ? undefined : await uploadSpeed(socket)
    return { websocket: true, ...echoesOf(echoes), downKbps, upKbps }
  } finally {
    socket.close()
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const within = <T>(ms: number, work: Promise<T>): Promise<T | undefined> => Promise.race([work, pause(ms).then(() => undefined)])
const kbps = (bytes: number, ms: number): number => Math.round((bytes * 8) / Math.max(1, ms))

function listen(socket: WebSocket, heard: (kind: number, data: DataView) => void): () => void {
  const onMessage = (event: MessageEvent<ArrayBuffer>): void => {
    const data = new DataView(event.data)
    if (data.byteLength > 0) heard(data.getUint8(0), data)
  }
  socket.addEventListener('message', onMessage)
  return () => socket.removeEventListener('message', onMessage)
}

async function echo(socket: WebSocket): Promise<(number | undefined)[]> {
  const times: (number | undefined)[] = Array.from({ length: ECHOES }, () => undefined)
  const sentAt: number[] = []
  const stop = listen(socket, (kind, data) => {
    if (kind !== ECHO || data.byteLength < 2) return
    const index = data.getUint8(1)
    const sent = sentAt[index]
    if (sent !== undefined) times[index] = performance.now() - sent
  })
  for (let index = 0; index < ECHOES; index += 1) {
    const message = new Uint8Array(100)
    message[0] = ECHO
    message[1] = index
    sentAt[index] = performance.now()
    socket.send(message)
    await pause(ECHO_EVERY_MS)
  }
  const last = performance.now()
  while (times.includes(undefined) && performance.now() - last < ECHO_LATE_MS) await pause(50)
  stop()
  return times.map((time) => (time !== undefined && time > ECHO_LATE_MS ? undefined : time))
}

/** By what came within the time, so that a slow line does not make people wait. */
async function download(socket: WebSocket): Promise<number | undefined> {
  let bytes = 0
  let first: number | undefined
  let last = 0
  let firstBytes = 0
  let stop = (): void => undefined
  const done = new Promise<void>((resolve) => {
    stop = listen(socket, (kind, data) => {
      if (kind === DOWN) {
        bytes += data.byteLength
        last = performance.now()
        if (first === undefined) {
          first = last
          firstBytes = bytes
        }
      } else if (kind === DOWN_DONE) resolve()
    })
  })
  const wish = new DataView(new ArrayBuffer(5))
  wish.setUint8(0, DOWN)
  wish.setUint32(1, DOWN_BYTES)
  const begun = performance.now()
  socket.send(wish.buffer)
  await within(TRANSFER_MS, done)
  stop()
  if (first === undefined) return kbps(0, TRANSFER_MS)
  // The first message tells of the way, not of the width.
  return bytes > firstBytes && last > first ? kbps(bytes - firstBytes, last - first) : kbps(bytes, last - begun)
}

async function uploadSpeed(socket: WebSocket): Promise<number | undefined> {
  const begun = performance.now()
  for (let sent = 0; sent < UP_BYTES; sent += MESSAGE_BYTES) {
    const message = new Uint8Array(MESSAGE_BYTES + 1)
    message[0] = UP
    socket.send(message)
  }
  socket.send(new Uint8Array([COUNTED]))
  let stop = (): void => undefined
  const counted = await within(TRANSFER_MS, new Promise<number>((resolve) => {
    stop = listen(socket, (kind, data) => {
      if (kind === COUNTED && data.byteLength >= 5) resolve(data.getUint32(1))
    })
  }))
  stop()
  const took = performance.now() - begun
  // Too slow to end in time: what has left the page is an upper bound of what arrived.
  return counted === undefined ? kbps(Math.max(0, UP_BYTES - socket.bufferedAmount), took) : kbps(counted, took)
}
