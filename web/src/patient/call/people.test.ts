import { expect, test } from 'vitest'
import { changesBetween } from './people'

test('who comes and goes is told once, two of one name too', () => {
  const doctor = { role: 'owner', name: 'Dr Martin' }
  const nurse = { role: 'bedside_professional', name: 'Mme Durand' }
  expect(changesBetween([doctor], [doctor, nurse])).toEqual({ came: [nurse], went: [] })
  expect(changesBetween([doctor, nurse, nurse], [nurse])).toEqual({ came: [], went: [doctor, nurse] })
  expect(changesBetween([doctor], [doctor])).toEqual({ came: [], went: [] })
})
