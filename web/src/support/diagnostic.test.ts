import { expect, test } from 'vitest'
import { browserOf, systemOf } from './diagnostic'

const CHROME = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'
const EDGE = `${CHROME} Edg/126.0.0.0`
const SAFARI = 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1'
const IPAD = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15'
const WEBVIEW = 'Mozilla/5.0 (Linux; Android 13; Pixel 7; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36'
const FIREFOX = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0'

test('a browser is known by the name that only it uses', () => {
  expect(browserOf(CHROME)).toEqual({ family: 'chrome', major: 126 })
  expect(browserOf(EDGE)).toEqual({ family: 'edge', major: 126 })
  expect(browserOf(SAFARI)).toEqual({ family: 'safari', major: 17 })
  expect(browserOf(WEBVIEW)).toEqual({ family: 'webview', major: 126 })
  expect(browserOf(FIREFOX)).toEqual({ family: 'firefox', major: 128 })
  expect(browserOf('curl/8')).toEqual({ family: 'other' })
})

test('a tablet that calls itself a computer is known by its screen', () => {
  expect(systemOf(SAFARI, 5)).toEqual({ family: 'ios', major: 17 })
  expect(systemOf(IPAD, 5)).toEqual({ family: 'ipados' })
  expect(systemOf(IPAD, 0)).toEqual({ family: 'macos' })
  expect(systemOf(WEBVIEW, 5)).toEqual({ family: 'android', major: 13 })
  expect(systemOf(FIREFOX, 0)).toEqual({ family: 'windows' })
})
