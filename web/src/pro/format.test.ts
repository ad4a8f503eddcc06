import { expect, test } from 'vitest'
import { birthDay, firstNames, lasting, phoneAsTyped, wallTime } from './format'
import { consultationOf } from './router'

test('a number is grouped while it is typed, and typing on changes nothing', () => {
  expect(phoneAsTyped('061')).toBe('06 1')
  expect(phoneAsTyped('06 12 34 56 78')).toBe('06 12 34 56 78')
  expect(phoneAsTyped(phoneAsTyped('0612345678'))).toBe('06 12 34 56 78')
  expect(phoneAsTyped('+33 6.12')).toBe('+33612')
})

test('an unknown month of birth is not shown as zero', () => {
  expect(birthDay('1941-03-02')).toBe('02/03/1941')
  expect(birthDay('1941-00-00')).toBe('1941')
})

test('first names keep their hyphens', () => {
  expect(firstNames(' Marie-Claude, Anne  Louise ')).toEqual(['Marie-Claude', 'Anne', 'Louise'])
})

test('lengths are said in the unit that fits', () => {
  expect([lasting(40), lasting(725), lasting(3900)]).toEqual(['40 s', '12 min', '1 h 05 min'])
})

test('an appointment is written in the zone of the professional, summer and winter', () => {
  expect(wallTime(new Date('2026-12-03T13:30:00Z'), 'Europe/Paris')).toBe('2026-12-03T14:30')
  expect(wallTime(new Date('2026-07-03T13:30:00Z'), 'Europe/Paris')).toBe('2026-07-03T15:30')
})

test('only an id of a consultation is read from a path', () => {
  const id = 'cs_0193f2c0a4d17c2b9d5e6f708192a3b4'
  expect(consultationOf(`/mes-teleconsultations/${id}`)).toBe(id)
  expect(consultationOf('/mes-teleconsultations/nouveau')).toBeUndefined()
  expect(consultationOf(`/mes-teleconsultations/${id}/../../x`)).toBeUndefined()
})
