import type { Bundle } from './api'

export interface Moment {
  /** Milliseconds since 1970. */
  at: number
  word: string
  bad: boolean
  role?: string
  seconds?: number
}

/** What the device told and what the server saw, in one line of time. */
export function timeline({ made_at, diagnostic, consultation }: Bundle): Moment[] {
  const made = Date.parse(made_at)
  const then = (at_s: number): number => made + at_s * 1000
  const moments: Moment[] = [
    ...(diagnostic.timeline ?? []).map(({ at_s, event }) => ({ at: then(at_s), word: event, bad: false })),
    ...(diagnostic.errors ?? []).map(({ at_s, code }) => ({ at: then(at_s), word: code, bad: true })),
    ...(consultation?.incidents ?? []).map(({ at, kind, role, duration_s }) => ({
      at: Date.parse(at),
      word: kind,
      bad: true,
      ...(role === undefined || role === null ? {} : { role }),
      ...(duration_s === undefined || duration_s === null ? {} : { seconds: duration_s }),
    })),
    ...(consultation?.participants ?? []).flatMap(({ role, joined_at, left_at }) => [
      ...joined_at.map((at) => ({ at: Date.parse(at), word: 'call_joined', bad: false, role })),
      ...left_at.map((at) => ({ at: Date.parse(at), word: 'call_left', bad: false, role })),
    ]),
  ]
  return moments.sort((one, other) => one.at - other.at)
}
