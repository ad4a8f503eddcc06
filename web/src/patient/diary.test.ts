import { expect, test } from 'vitest'
import { lately } from './diary'

test('a diary tells how long ago things were, the last of them only', () => {
  const entries = [1000, 2000, 61_000].map((at) => ({ at, word: `w${at}` }))
  expect(lately(entries, 2, 62_000)).toEqual([
    { at_s: -60, word: 'w2000' },
    { at_s: -1, word: 'w61000' },
  ])
  // A clock that was put back, or a page that stayed open for days.
  expect(lately([{ at: 70_000, word: 'x' }], 9, 62_000)[0]?.at_s).toBe(0)
  expect(lately([{ at: 0, word: 'x' }], 9, 200_000_000)[0]?.at_s).toBe(-86_400)
})
