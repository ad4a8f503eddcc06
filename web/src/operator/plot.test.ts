import { expect, test } from 'vitest'
import { lineOf } from './Plot'

test('a line begins anew after a gap, and nothing is drawn above the axis', () => {
  expect(lineOf([0, 5, undefined, 10, 20], 10, 40, 100)).toBe('M0.0 100.0L10.0 50.0M30.0 0.0L40.0 0.0')
  expect(lineOf([], 10, 40, 100)).toBe('')
})
