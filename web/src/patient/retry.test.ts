import { expect, test } from 'vitest'
import { insist, RETRIES_MS } from './retry'

const noted = () => {
  const waits: number[] = []
  const wait = (ms: number): Promise<void> => {
    waits.push(ms)
    return Promise.resolve()
  }
  return { waits, wait }
}

test('the first success ends the attempts', async () => {
  const { waits, wait } = noted()
  let tries = 0
  const got = await insist(() => Promise.resolve((tries += 1) === 3 ? 'in' : undefined), () => false, wait)
  expect(got).toBe('in')
  expect(waits).toEqual(RETRIES_MS.slice(0, 3))
})

test('attempts are bounded', async () => {
  const { waits, wait } = noted()
  expect(await insist<string>(() => Promise.resolve(undefined), () => false, wait)).toBeUndefined()
  expect(waits).toEqual(RETRIES_MS)
})

test('nothing is tried once somebody left', async () => {
  let tries = 0
  const attempt = (): Promise<number> => {
    tries += 1
    return Promise.resolve(tries)
  }
  await insist(attempt, () => true, () => Promise.resolve())
  expect(tries).toBe(0)
})
