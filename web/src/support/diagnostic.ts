/** What a diagnostic holds: technique, never a name, a number, a label of a device or a text. */
export interface Diagnostic {
  page: 'login' | 'list' | 'form' | 'admin' | 'other' | 'link' | 'check' | 'waiting' | 'call' | 'end' | 'documents'
  browser?: { family: string; major?: number }
  os?: { family: string; major?: number }
  device?: 'phone' | 'tablet' | 'desktop'
  permissions?: Record<string, string>
  devices?: { cameras: number; microphones: number; speakers: number }
  probe?: Record<string, number | boolean | string>
  ice?: { local?: string[]; remote?: string[]; transport?: string; state?: string }
  quality?: { at_s: number; rtt_ms?: number; loss_permille?: number; jitter_ms?: number; up_kbps?: number; down_kbps?: number; fps?: number; width?: number; height?: number }[]
  errors?: { at_s: number; code: string }[]
  timeline?: { at_s: number; event: string }[]
}

interface Named {
  family: string
  major?: number
}
const named = (family: string, major: string | undefined): Named => (major === undefined ? { family } : { family, major: Number(major) })

/** Ordered: each browser claims to be those below it. */
const BROWSERS: readonly [string, RegExp][] = [
  ['edge', /Edg(?:A|iOS)?\/(\d+)/],
  ['samsung', /SamsungBrowser\/(\d+)/],
  ['opera', /OPR\/(\d+)/],
  ['firefox', /(?:Firefox|FxiOS)\/(\d+)/],
  ['webview', /; wv\).*Chrome\/(\d+)/],
  ['chrome', /(?:Chrome|CriOS)\/(\d+)/],
  ['safari', /Version\/(\d+).*Safari/],
]

export function browserOf(agent: string): Named {
  for (const [family, pattern] of BROWSERS) {
    const found = pattern.exec(agent)
    if (found !== null) return named(family, found[1])
  }
  return { family: 'other' }
}

/** iPads call themselves Macs; Macs have no touch screens. */
export function systemOf(agent: string, touches: number): Named {
  const phone = /iPhone OS (\d+)/.exec(agent)
  if (phone !== null) return named('ios', phone[1])
  const tablet = /CPU OS (\d+)/.exec(agent)
  if (tablet !== null) return named('ipados', tablet[1])
  const android = /Android (\d+)/.exec(agent)
  if (android !== null) return named('android', android[1])
  if (agent.includes('Macintosh')) return { family: touches > 1 ? 'ipados' : 'macos' }
  if (agent.includes('Windows')) return { family: 'windows' }
  if (agent.includes('CrOS')) return { family: 'chromeos' }
  return { family: agent.includes('Linux') ? 'linux' : 'other' }
}

function deviceOf(agent: string, system: string): NonNullable<Diagnostic['device']> {
  if (system === 'ios' || (system === 'android' && agent.includes('Mobile'))) return 'phone'
  return system === 'ipados' || system === 'android' ? 'tablet' : 'desktop'
}

async function permissions(): Promise<Record<string, string>> {
  const ask = async (name: string): Promise<string> => {
    try {
      return (await navigator.permissions.query({ name: name as PermissionName })).state
    } catch {
      // Not every browser knows every permission.
      return 'unknown'
    }
  }
  const [camera, microphone, notifications] = await Promise.all([ask('camera'), ask('microphone'), ask('notifications')])
  return { camera, microphone, notifications }
}

async function devices(): Promise<Diagnostic['devices']> {
  try {
    const found = await navigator.mediaDevices.enumerateDevices()
    const count = (kind: MediaDeviceKind): number => found.filter((each) => each.kind === kind).length
    return { cameras: count('videoinput'), microphones: count('audioinput'), speakers: count('audiooutput') }
  } catch {
    return undefined
  }
}

const WORDS_KEPT = 'chevet.errors'
const KEPT_MAX = 50
interface Kept {
  at: number
  code: string
}

/** Remembers a refusal by its code, for a diagnostic that is sent from another page of this visit. */
export function remember(code: string): void {
  // Codes of the API are words; what a proxy says is none of them.
  const word = code === 'network' ? 'network_offline' : code
  if (!/^[a-z]+([-_][a-z]+)*$/.test(word)) return
  try {
    sessionStorage.setItem(WORDS_KEPT, JSON.stringify([...remembered(), { at: Date.now(), code: word }].slice(-KEPT_MAX)))
  } catch {
    // Private modes may refuse storage.
  }
}

function remembered(): Kept[] {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(WORDS_KEPT) ?? '[]')
    return Array.isArray(kept) ? kept.filter((each: unknown): each is Kept => typeof (each as Kept).at === 'number' && typeof (each as Kept).code === 'string') : []
  } catch {
    return []
  }
}

const DAY_S = 86_400

/** Looks at this browser; nothing is asked of the person and nothing is opened. */
export async function collect(probe: Diagnostic['probe']): Promise<Diagnostic> {
  const { userAgent, maxTouchPoints } = navigator
  const os = systemOf(userAgent, maxTouchPoints)
  const found = await devices()
  const seconds = (at: number): number => Math.max(-DAY_S, Math.min(0, Math.round((at - Date.now()) / 1000)))
  return {
    page: 'other',
    browser: browserOf(userAgent),
    os,
    device: deviceOf(userAgent, os.family),
    permissions: await permissions(),
    ...(found === undefined ? {} : { devices: found }),
    ...(probe === undefined ? {} : { probe }),
    errors: remembered().map(({ at, code }) => ({ at_s: seconds(at), code })),
  }
}
