import { deviceClass } from './door'
import type { Measured } from './network/probe'
import { verdictOf } from './network/probe'
import { browserNamed, systemNamed } from './network/report'
import type { Screen } from './screens'

/** What support may know of a visit: that things happened, and when. Never a name, a number, a text. */
export type DiaryEvent =
  | 'page_opened'
  | 'link_opened'
  | 'consent_given'
  | 'check_started'
  | 'check_done'
  | 'waiting'
  | 'admitted'
  | 'call_joined'
  | 'call_left'
  | 'reconnecting'
  | 'reconnected'
  | 'page_hidden'
  | 'page_visible'
  | 'document_sent'
  | 'document_opened'
export type DiaryError =
  | 'camera_denied'
  | 'microphone_denied'
  | 'camera_busy'
  | 'microphone_busy'
  | 'camera_missing'
  | 'microphone_missing'
  | 'silent_microphone'
  | 'ice_failed'
  | 'taken_over'
  | 'upload_failed'
  | 'download_failed'
  | 'network_offline'

const EVENTS_MAX = 100
const ERRORS_MAX = 50

interface Entry<Word> {
  at: number
  word: Word
}

/** The last of them, as seconds before `now`. */
export function lately<Word>(entries: readonly Entry<Word>[], most: number, now: number): { at_s: number; word: Word }[] {
  return entries.slice(-most).map(({ at, word }) => ({ at_s: Math.max(-86_400, Math.min(0, Math.round((at - now) / 1000))), word }))
}

const events: Entry<DiaryEvent>[] = []
const errors: Entry<DiaryError>[] = []
let measured: Measured | undefined

function keep<Word>(list: Entry<Word>[], word: Word, most: number): void {
  list.push({ at: Date.now(), word })
  if (list.length > most) list.shift()
}
export const happened = (event: DiaryEvent): void => keep(events, event, EVENTS_MAX)
export const wentWrong = (error: DiaryError): void => keep(errors, error, ERRORS_MAX)
export const noteNetwork = (found: Measured | undefined): void => {
  measured = found
}

const PAGES: Partial<Record<Screen, string>> = { permissions: 'check', check: 'check', waiting: 'waiting', call: 'call', end: 'end' }

/** Everything that support gets, when somebody asks for help. */
export async function diagnostic(screen: Screen): Promise<object> {
  const [camera, microphone, devices] = await Promise.all([permission('camera'), permission('microphone'), deviceCounts()])
  const now = Date.now()
  const { userAgent } = navigator
  return {
    page: PAGES[screen] ?? 'link',
    browser: browserNamed(userAgent),
    os: systemNamed(userAgent),
    device: deviceClass(),
    permissions: { camera, microphone },
    devices,
    ...(measured === undefined ? {} : { probe: probeOf(measured) }),
    errors: lately(errors, ERRORS_MAX, now).map(({ at_s, word }) => ({ at_s, code: word })),
    timeline: lately(events, EVENTS_MAX, now).map(({ at_s, word }) => ({ at_s, event: word })),
  }
}

export function probeOf(found: Measured): Record<string, number | boolean | string> {
  const { websocket, rttMs, jitterMs, lossPermille, upKbps, downKbps } = found
  const known = { rtt_ms: rttMs, jitter_ms: jitterMs, loss_permille: lossPermille, up_kbps: upKbps, down_kbps: downKbps }
  return { websocket, ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)), verdict: verdictOf(found) }
}

export async function permission(name: 'camera' | 'microphone' | 'notifications'): Promise<string> {
  try {
    return (await navigator.permissions.query({ name })).state
  } catch {
    return 'unknown'
  }
}

export async function deviceCounts(): Promise<{ cameras: number; microphones: number; speakers: number }> {
  // Absent on plain http, whatever the type says.
  const source = navigator.mediaDevices as MediaDevices | undefined
  const all = (await source?.enumerateDevices().catch(() => undefined)) ?? []
  const count = (kind: MediaDeviceKind): number => all.filter((device) => device.kind === kind).length
  return { cameras: count('videoinput'), microphones: count('audioinput'), speakers: count('audiooutput') }
}
