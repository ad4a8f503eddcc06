import { describe, expect, test } from 'vitest'
import { echoesOf, verdictOf, type Measured } from './probe'

const good: Measured = { websocket: true, rttMs: 40, jitterMs: 3, lossPermille: 0, upKbps: 2000, downKbps: 5000 }

describe('the verdict', () => {
  test.each([
    ['a good line', {}, 'green'],
    ['a slow way up', { upKbps: 200 }, 'orange'],
    ['a slow way down', { downKbps: 299 }, 'orange'],
    ['a long way', { rttMs: 401 }, 'orange'],
    ['losses', { lossPermille: 51 }, 'orange'],
    ['hardly a line', { upKbps: 39 }, 'red'],
    ['a blocked line', { websocket: false }, 'red'],
    ['what is not known', { upKbps: undefined, downKbps: undefined, rttMs: undefined, lossPermille: undefined }, 'green'],
  ] as const)('of %s', (_, part, verdict) => {
    expect(verdictOf({ ...good, ...part })).toBe(verdict)
  })
})

test('echoes give the usual time, its changes and what got lost', () => {
  expect(echoesOf([10, 12, undefined, 10, 50])).toEqual({ rttMs: 12, jitterMs: 15, lossPermille: 200 })
  expect(echoesOf([undefined, undefined])).toEqual({ rttMs: undefined, jitterMs: undefined, lossPermille: 1000 })
  expect(echoesOf([])).toEqual({ rttMs: undefined, jitterMs: undefined, lossPermille: undefined })
})
