import { expect, test } from 'vitest'
import { siteOf } from './site'

test('each address leads to its own part of the pages', () => {
  for (const path of ['/', '/index.html']) expect(siteOf(path)).toBe('home')
  for (const path of ['/aide', '/accessibilite/', '/confidentialite']) expect(siteOf(path)).toBe('info')
  for (const path of ['/c', '/c/']) expect(siteOf(path)).toBe('patient')
  expect(siteOf('/test')).toBe('test')
  for (const path of ['/join', '/join/', '/call']) expect(siteOf(path)).toBe('join')
  expect(siteOf('/integration/cl_1')).toBe('embed')
  expect(siteOf('/exploitation')).toBe('operator')
  for (const path of ['/connexion', '/mes-teleconsultations/con_1', '/admin', '/support', '/compte']) {
    expect(siteOf(path)).toBe('professional')
  }
})
