import type { Captured } from '../../media/capture'
import { troubleOf } from '../devices'
import type { Measured } from './probe'

export type DeviceState = 'ok' | 'denied' | 'busy' | 'absent' | 'silent'

/** How camera and microphone are, as the server names it. */
export function deviceStates({ camera, microphone, problem }: Captured): { camera: DeviceState; microphone: DeviceState } {
  const trouble = troubleOf(problem)
  const missing: DeviceState = trouble === 'denied' || trouble === 'busy' ? trouble : 'absent'
  return { camera: camera ? 'ok' : missing, microphone: microphone ? 'ok' : missing }
}

/** Family and major version of a browser or a system; nothing that tells one person from another. */
export interface Named {
  family: string
  major?: number
}

const BROWSERS: readonly [family: string, pattern: RegExp][] = [
  ['samsung', /SamsungBrowser\/(\d+)/],
  ['edge', /Edg(?:e|A|iOS)?\/(\d+)/],
  ['opera', /OPR\/(\d+)/],
  ['firefox', /(?:Firefox|FxiOS)\/(\d+)/],
  ['chrome', /(?:Chrome|CriOS|Chromium)\/(\d+)/],
  ['safari', /Version\/(\d+).*Safari\//],
]
const SYSTEMS: readonly [family: string, pattern: RegExp][] = [
  ['ipados', /iPad; CPU OS (\d+)/],
  ['ios', /iPhone OS (\d+)/],
  ['android', /Android (\d+)/],
  ['windows', /Windows NT (\d+)/],
  ['chromeos', /CrOS/],
  ['macos', /Mac OS X (\d+)/],
  ['linux', /Linux/],
]

const named = (userAgent: string, list: typeof BROWSERS): Named => {
  for (const [family, pattern] of list) {
    const found = pattern.exec(userAgent)
    if (found !== null) return { family, ...(found[1] === undefined ? {} : { major: Number(found[1]) }) }
  }
  return { family: 'other' }
}
export const browserNamed = (userAgent: string): Named => named(userAgent, BROWSERS)
export const systemNamed = (userAgent: string): Named => named(userAgent, SYSTEMS)

const text = ({ family, major }: Named): string => (major === undefined ? family : `${family} ${major}`)

/** What a check found, for the professional's page. Whether UDP passes is seen in the call: here nobody tries. */
export function deviceReport(captured: Captured, measured: Measured, userAgent: string): object {
  return {
    browser: text(browserNamed(userAgent)),
    os: text(systemNamed(userAgent)),
    ...deviceStates(captured),
    websocket: measured.websocket,
    ...(measured.rttMs === undefined ? {} : { rtt_ms: measured.rttMs }),
    ...(measured.lossPermille === undefined ? {} : { loss_permille: measured.lossPermille }),
    ...(measured.upKbps === undefined ? {} : { up_kbps: measured.upKbps }),
    ...(measured.downKbps === undefined ? {} : { down_kbps: measured.downKbps }),
  }
}
