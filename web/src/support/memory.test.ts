import { beforeEach, expect, test, vi } from 'vitest'
import { remember, remembered } from './memory'

beforeEach(() => {
  const kept = new Map<string, string>()
  vi.stubGlobal('sessionStorage', { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value) })
})

test('codes of the API are kept, and what else a proxy may say is not', () => {
  for (const code of ['version-conflict', 'network', 'unauthenticated', 'http-502', 'Dr Martin', '']) remember(code)
  expect(remembered().map(({ code }) => code)).toEqual(['version-conflict', 'network_offline'])
})

test('the oldest go when there are too many', () => {
  for (let at = 0; at < 60; at += 1) remember(at === 59 ? 'last-one' : 'quota-exceeded')
  expect(remembered()).toHaveLength(50)
  expect(remembered().at(-1)?.code).toBe('last-one')
})

test('what is no list is nothing', () => {
  sessionStorage.setItem('chevet.errors', '{"a":')
  expect(remembered()).toEqual([])
})
