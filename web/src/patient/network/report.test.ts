import { expect, test } from 'vitest'
import { browserNamed, deviceReport, deviceStates, systemNamed } from './report'

const track = {} as MediaStreamTrack

test('a device is fine, or is away for the reason that the browser gave', () => {
  expect(deviceStates({ camera: track, microphone: track })).toEqual({ camera: 'ok', microphone: 'ok' })
  expect(deviceStates({ microphone: track, problem: 'mediaCameraDenied' })).toEqual({ camera: 'denied', microphone: 'ok' })
  expect(deviceStates({ problem: 'mediaBusy' })).toEqual({ camera: 'busy', microphone: 'busy' })
  expect(deviceStates({})).toEqual({ camera: 'absent', microphone: 'absent' })
})

test.each([
  ['Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1', 'safari 17', 'ios 17'],
  ['Mozilla/5.0 (Linux; Android 13; SM-A536B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36', 'samsung 25', 'android 13'],
  ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36 Edg/125.0', 'edge 125', 'windows 10'],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0', 'firefox 127', 'linux'],
  ['curl', 'other', 'other'],
])('a browser is told by family and major version: %s', (userAgent, browser, system) => {
  const told = ({ family, major }: { family: string; major?: number }) => (major === undefined ? family : `${family} ${major}`)
  expect(told(browserNamed(userAgent))).toBe(browser)
  expect(told(systemNamed(userAgent))).toBe(system)
})

test('what was not measured is left out', () => {
  const measured = { websocket: true, rttMs: 40, jitterMs: 1, lossPermille: 0, upKbps: undefined, downKbps: 900 }
  expect(deviceReport({ camera: track, microphone: track }, measured, 'x')).toEqual({
    browser: 'other',
    os: 'other',
    camera: 'ok',
    microphone: 'ok',
    websocket: true,
    rtt_ms: 40,
    loss_permille: 0,
    down_kbps: 900,
  })
})
