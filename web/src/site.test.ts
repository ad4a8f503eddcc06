import { expect, test } from 'vitest'
import { partOf } from './parts'
import { siteOf } from './site'

test('each address leads to its own part of the pages', () => {
  for (const path of ['/c', '/c/']) expect(siteOf(path)).toBe('patient')
  expect(siteOf('/test')).toBe('test')
  for (const path of ['/join', '/join/', '/call']) expect(siteOf(path)).toBe('join')
  const others = {
    home: ['/', '/index.html'],
    info: ['/aide', '/accessibilite/', '/confidentialite', '/mentions-legales/'],
    embed: ['/integration/api_1'],
    operator: ['/exploitation'],
    professional: ['/connexion', '/mes-teleconsultations/con_1', '/admin', '/admin/journal', '/support', '/compte'],
    missing: ['/joined', '/c/x', '/connexions', '/administration', '/support/x', '/integration', '/integration/a/b'],
  }
  for (const [part, paths] of Object.entries(others)) {
    for (const path of paths) expect([path, siteOf(path), partOf(path)]).toEqual([path, 'other', part])
  }
})
