import { expect, test } from 'vitest'
import { browserOf, chromeIntent, gateOf, isWebview, platformOf } from './gate'

const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)'
const ANDROID = 'Mozilla/5.0 (Linux; Android 13; SM-A536B) AppleWebKit/537.36 (KHTML, like Gecko)'

test.each([
  ['Safari on a phone', `${IPHONE} Version/17.5 Mobile/15E148 Safari/604.1`],
  ['Chrome on an iPhone', `${IPHONE} CriOS/125.0 Mobile/15E148 Safari/604.1`],
  ['Chrome on Android', `${ANDROID} Chrome/125.0.0.0 Mobile Safari/537.36`],
  ['Firefox on a computer', 'Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0'],
])('%s is a browser of its own', (_, userAgent) => {
  expect(isWebview(userAgent)).toBe(false)
})

test.each([
  ['a mail application on an iPhone', `${IPHONE} Mobile/15E148`],
  ['Facebook on an iPhone', `${IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/460.0]`],
  ['a window inside an Android application', `${ANDROID.replace('SM-A536B', 'SM-A536B; wv')} Version/4.0 Chrome/125.0.0.0 Mobile Safari/537.36`],
  ['Instagram', `${ANDROID} Chrome/125.0.0.0 Mobile Safari/537.36 Instagram 330.0`],
])('%s is not', (_, userAgent) => {
  expect(isWebview(userAgent)).toBe(true)
})

test('what a browser lacks decides which words it gets', () => {
  const fine = { userAgent: 'Firefox', secure: true, peerConnection: true, mediaDevices: true }
  expect(gateOf(fine)).toBe('fine')
  expect(gateOf({ ...fine, peerConnection: false })).toBe('old')
  expect(gateOf({ ...fine, secure: false, mediaDevices: false })).toBe('insecure')
  expect(gateOf({ ...fine, userAgent: `${IPHONE} Mobile/15E148`, mediaDevices: false })).toBe('webview')
})

test('the way into Chrome carries the secret where an intent keeps it', () => {
  expect(chromeIntent('https://visio.example/c#AbC')).toBe(
    'intent://visio.example/c%23AbC#Intent;scheme=https;package=com.android.chrome;end',
  )
})

test.each([
  [`${IPHONE} Version/17.5 Mobile/15E148 Safari/604.1`, 'safari-ios', 'ios'],
  [`${IPHONE} CriOS/125.0 Mobile/15E148 Safari/604.1`, 'other-ios', 'ios'],
  [`${ANDROID} Chrome/125.0.0.0 Mobile Safari/537.36`, 'chrome-android', 'android'],
  [`${ANDROID} SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36`, 'samsung', 'android'],
  ['Mozilla/5.0 (Android 13; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0', 'firefox-android', 'android'],
  ['Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0', 'firefox', 'windows'],
  ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15', 'safari-mac', 'mac'],
  ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36', 'chrome', 'other'],
])('the steps are those of the browser at hand: %s', (userAgent, browser, platform) => {
  expect(browserOf(userAgent)).toBe(browser)
  expect(platformOf(userAgent)).toBe(platform)
})
