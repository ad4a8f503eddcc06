/** Reading `/metrics` and what follows from two readings. */

export interface Reading {
  /** When it was read, in milliseconds. */
  at: number
  /** Value of a metric, summed over what is not asked for. */
  sum: (name: string, labels?: Record<string, string>) => number
  /** The values that a label takes in a metric. */
  values: (name: string, label: string) => string[]
}

interface Line {
  name: string
  labels: Record<string, string>
  value: number
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g

/** Prometheus text; lines that are none are passed over. */
export function readMetrics(text: string, at: number): Reading {
  const lines: Line[] = []
  for (const raw of text.split('\n')) {
    const [, name, labels, value] = LINE.exec(raw) ?? []
    if (name === undefined || value === undefined || !Number.isFinite(Number(value))) continue
    lines.push({ name, value: Number(value), labels: Object.fromEntries([...(labels ?? '').matchAll(LABEL)].map(([, key, text]) => [key ?? '', text ?? ''])) })
  }
  const of = (name: string): Line[] => lines.filter((line) => line.name === name)
  return {
    at,
    sum: (name, labels = {}) =>
      of(name)
        .filter((line) => Object.entries(labels).every(([key, value]) => line.labels[key] === value))
        .reduce((sum, line) => sum + line.value, 0),
    values: (name, label) => [...new Set(of(name).flatMap((line) => line.labels[label] ?? []))],
  }
}

/** One moment of the plots. */
export interface Point {
  at: number
  rooms: number
  participants: number
  /** Share of each worker's core, 0 to 1. */
  busy: Record<string, number>
  /** Media packets each second. */
  received: number
  forwarded: number
  /** Microseconds of processor time for each packet sent; none while too few are. */
  cost: number | undefined
  /** Bits each second. */
  bitsIn: number
  bitsOut: number
  /** Packets sent again each second. */
  retransmitted: number
  /** What went no further, each second, by cause. */
  drops: Record<string, number>
}

/** Below this many packets a second the idle work of the threads would be told as the cost of packets. */
const COST_FROM = 100

const DROPS = 'chevet_worker_drops_total'

export function pointOf(before: Reading, after: Reading): Point {
  const seconds = Math.max(0.001, (after.at - before.at) / 1000)
  // A worker that was replaced counts from nothing again.
  const grown = (name: string, labels?: Record<string, string>): number => Math.max(0, after.sum(name, labels) - before.sum(name, labels))
  const rate = (...names: string[]): number => names.reduce((sum, name) => sum + grown(name), 0) / seconds
  const forwarded = rate('chevet_worker_media_forwarded_total')
  const drops: Record<string, number> = {}
  for (const cause of after.values(DROPS, 'cause')) {
    const each = grown(DROPS, { cause }) / seconds
    if (each > 0) drops[cause] = each
  }
  return {
    at: after.at,
    rooms: after.sum('chevet_rooms'),
    participants: after.sum('chevet_participants'),
    busy: Object.fromEntries(
      after.values('chevet_worker_busy_ratio', 'worker').map((worker) => [worker, after.sum('chevet_worker_busy_ratio', { worker })]),
    ),
    received: rate('chevet_worker_media_received_total'),
    forwarded,
    cost: forwarded >= COST_FROM ? (grown('chevet_worker_cpu_seconds_total') / seconds / forwarded) * 1e6 : undefined,
    bitsIn: 8 * rate('chevet_worker_udp_bytes_in_total', 'chevet_worker_tcp_bytes_in_total'),
    bitsOut: 8 * rate('chevet_worker_udp_bytes_out_total', 'chevet_worker_tcp_bytes_out_total'),
    retransmitted: rate('chevet_worker_retransmitted_total'),
    drops,
  }
}

/** The end of an axis: 1, 2 or 5 times a power of ten, at least `least`. */
export function axisEnd(largest: number, least: number): number {
  const wanted = Math.max(largest, least)
  const power = 10 ** Math.floor(Math.log10(wanted))
  for (const step of [1, 2, 5, 10]) if (step * power >= wanted * 0.9999) return step * power
  return wanted
}
