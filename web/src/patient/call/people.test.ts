import { expect, test } from 'vitest'
import { changesBetween, inOrder } from './people'

test('an interpreter comes first, the others keep their order', () => {
  const people = [{ role: 'owner', id: 1 }, { role: undefined, id: 2 }, { role: 'interpreter', id: 3 }, { role: 'carer', id: 4 }]
  expect(inOrder(people).map(({ id }) => id)).toEqual([3, 1, 2, 4])
})

test('who comes and goes is told once, two of one name too', () => {
  const doctor = { role: 'owner', name: 'Dr Martin' }
  const nurse = { role: 'bedside_professional', name: 'Mme Durand' }
  expect(changesBetween([doctor], [doctor, nurse])).toEqual({ came: [nurse], went: [] })
  expect(changesBetween([doctor, nurse, nurse], [nurse])).toEqual({ came: [], went: [doctor, nurse] })
  expect(changesBetween([doctor], [doctor])).toEqual({ came: [], went: [] })
})
