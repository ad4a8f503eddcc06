import type { Diagnostic } from './diagnostic'

const ECHOES = 12
const EVERY_MS = 60
/** What comes back later counts as lost. */
const LATE_MS = 1000
const OPEN_MS = 4000

/** Echoes over the signalling's way, for two seconds: round trip, its variation, what did not come back. */
export async function probe(): Promise<Diagnostic['probe']> {
  const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/p/v1/network-probe`)
  socket.binaryType = 'arraybuffer'
  const opened = await new Promise<boolean>((resolve) => {
    socket.onopen = () => resolve(true)
    socket.onerror = () => resolve(false)
    setTimeout(() => resolve(false), OPEN_MS)
  })
  if (!opened) {
    socket.close()
    return { websocket: false }
  }
  const trips: number[] = []
  const sent = new Map<number, number>()
  socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
    const [kind, at] = new Uint8Array(data)
    const since = at === undefined ? undefined : sent.get(at)
    if (kind === 0 && since !== undefined && performance.now() - since <= LATE_MS) trips.push(performance.now() - since)
  }
  for (let at = 0; at < ECHOES; at += 1) {
    sent.set(at, performance.now())
    socket.send(new Uint8Array([0, at]))
    await sleep(EVERY_MS)
  }
  await sleep(LATE_MS)
  socket.close()
  return { websocket: true, ...judged(trips, ECHOES) }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Median, mean difference of neighbours, and the share that is missing. */
export function judged(trips: readonly number[], sent: number): { rtt_ms?: number; jitter_ms?: number; loss_permille: number } {
  const loss_permille = Math.round((1000 * (sent - trips.length)) / sent)
  const median = [...trips].sort((one, other) => one - other)[Math.floor(trips.length / 2)]
  if (median === undefined) return { loss_permille }
  const steps = trips.slice(1).map((trip, at) => Math.abs(trip - (trips[at] ?? trip)))
  const jitter = steps.length === 0 ? 0 : steps.reduce((sum, step) => sum + step, 0) / steps.length
  return { rtt_ms: Math.round(median), jitter_ms: Math.round(jitter), loss_permille }
}
