import { expect, test } from 'vitest'
import { meterShare } from './level'

test('the meter rests in silence, rises with the voice and never leaves its frame', () => {
  const tone = (amplitude: number) => Array.from({ length: 1024 }, (_, i) => amplitude * Math.sin(i / 5))
  expect(meterShare([])).toBe(0)
  expect(meterShare(tone(0))).toBe(0)
  const quiet = meterShare(tone(0.01))
  const loud = meterShare(tone(0.3))
  expect(quiet).toBeGreaterThan(0.1)
  expect(loud).toBeGreaterThan(quiet)
  expect(meterShare(tone(10))).toBe(1)
})
