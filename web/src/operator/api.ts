import { ApiError, problemOf } from '../api/client'

export interface RoomRow {
  name: string
  sid: string
  participants: number
  publishers: number
  worker: number | null
}
export type Quality = 'low' | 'medium' | 'high'
export interface Verdict {
  grade: 'lost' | 'poor' | 'good' | 'excellent'
  score: number
  reason: string
}
export interface Media {
  video_hold_ms: number
  video_hold_reason: string
  members: {
    member: number
    quality: Verdict | null
    data_queued_bytes: number
    transports: { connected: boolean; protocol: 'udp' | 'tcp' | null; round_trip_ms: number | null; estimate_bits_per_second: number | null }[]
  }[]
  tracks: {
    track: number
    member: number
    codec: string
    muted: boolean
    encodings: { quality: Quality; live: boolean; packets: number; lost: number; bits_per_second: number; jitter_ms: number }[]
  }[]
  subscriptions: {
    subscription: number
    track: number
    member: number
    packets: number
    retransmitted: number
    forwarded: Quality | null
    target: Quality | null
    reason: string
  }[]
}
export interface Room {
  worker: number | null
  participants: { member: number; sid: string; state: string; sdk: string; connected: boolean }[] | null
  /** A text where the worker did not answer in time. */
  media: Media | string
}

/** Asks the control plane, with the bearer of an API key where there is one. Nothing of it is stored. */
async function ask(path: string, key: string, signal: AbortSignal): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, { signal, credentials: 'omit', headers: key === '' ? {} : { Authorization: `Bearer ${key}` } })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiError(0, 'network', '')
  }
  if (!response.ok) throw problemOf(response.status, await response.text(), response.headers.get('Retry-After'))
  return response
}

export const metrics = async (signal: AbortSignal): Promise<string> => (await ask('/metrics', '', signal)).text()
export const rooms = async (key: string, signal: AbortSignal): Promise<RoomRow[]> =>
  ((await (await ask('/debug/rooms', key, signal)).json()) as { rooms: RoomRow[] }).rooms
export const room = async (name: string, key: string, signal: AbortSignal): Promise<Room> =>
  (await (await ask(`/debug/rooms/${encodeURIComponent(name)}`, key, signal)).json()) as Room
