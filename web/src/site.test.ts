import { expect, test } from 'vitest'
import { siteOf } from './site'

test('each address leads to its own part of the pages', () => {
  for (const path of ['/c', '/c/']) expect(siteOf(path)).toBe('patient')
  expect(siteOf('/test')).toBe('test')
  for (const path of ['/', '/join', '/join/', '/call']) expect(siteOf(path)).toBe('join')
  for (const path of ['/connexion', '/mes-teleconsultations/con_1', '/admin', '/compte']) {
    expect(siteOf(path)).toBe('professional')
  }
})
