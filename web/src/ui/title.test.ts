import { expect, test } from 'vitest'
import { titleOf } from './title'

test('a window is called by what its page is about, and says first how many wait', () => {
  expect(titleOf('Aide', 0)).toBe('Aide · Chevet')
  expect(titleOf('Mes Téléconsultations', 2)).toBe('(2) Mes Téléconsultations · Chevet')
  expect(titleOf('', 0)).toBe('Chevet')
})
