import { expect, test } from 'vitest'
import { birthDate, calendar, dayText, hourText, leftText, sameDay, timeLeft } from './time'

const left = (seconds: number, language: 'fr' | 'en' = 'fr') => leftText(timeLeft(0, seconds * 1000), language)
/** Intl separates with narrow spaces here and there. */
const plain = (text: string) => text.replace(/\s/gu, ' ')

test('a countdown shows the two units that matter and stops at nothing', () => {
  expect(left(2 * 86_400 + 3 * 3600 + 59)).toBe('2 jours 3 h')
  expect(left(86_400)).toBe('1 jour')
  expect(left(3600 + 60)).toBe('1 h 1 min')
  expect(left(605)).toBe('10 min 5 s')
  expect(left(59)).toBe('59 s')
  expect(left(-5)).toBe('0 s')
  expect(left(86_400 + 3600, 'en')).toBe('1 day 1 hour')
})

test('a part of a second still counts: nobody is let in before the hour', () => {
  expect(timeLeft(0, 1).seconds).toBe(1)
  expect(timeLeft(1000, 1000).seconds).toBe(0)
})

test('hours and days are those of the appointment, wherever the phone is', () => {
  expect(hourText('2026-05-14T12:30:00Z', 'Europe/Paris', 'fr')).toBe('14 h 30')
  expect(hourText('2026-05-14T12:00:00Z', 'Europe/Paris', 'fr')).toBe('14 h')
  expect(hourText('2026-05-14T12:30:00Z', 'Indian/Reunion', 'fr')).toBe('16 h 30')
  expect(plain(hourText('2026-05-14T12:30:00Z', 'Europe/Paris', 'en'))).toBe('2:30 pm')
  expect(dayText('2026-05-14T23:30:00Z', 'Europe/Paris', 'fr')).toBe('vendredi 15 mai')
  expect(sameDay('2026-05-14T23:30:00Z', Date.parse('2026-05-14T12:00:00Z'), 'Europe/Paris')).toBe(false)
  expect(sameDay('2026-05-14T21:30:00Z', Date.parse('2026-05-14T12:00:00Z'), 'Europe/Paris')).toBe(true)
})

test('a birth date is understood as people write it, and only a real one', () => {
  expect(birthDate('2/3/1941')).toBe('1941-03-02')
  expect(birthDate(' 02.03.1941 ')).toBe('1941-03-02')
  expect(birthDate('29-2-1940')).toBe('1940-02-29')
  for (const wrong of ['29/2/1941', '31/4/1950', '1941-03-02', '2/3/41', 'hier', '', '3/mars', 'mars 1941', '31 juin 1950', '3 brumaire 1941', '3 mars 41', '3 3 3 1941']) expect(birthDate(wrong)).toBeUndefined()
})

test('a birth date may name its month, in either language and with or without accents', () => {
  for (const text of ['3 mars 1941', '3 March 1941', ' 03 MARS  1941', '3 mar. 1941', 'March 3rd, 1941', 'march 3 1941', '3-mars-1941']) expect(birthDate(text), text).toBe('1941-03-03')
  expect(birthDate('1er août 1950')).toBe('1950-08-01')
  expect(birthDate('29 fevrier 1940')).toBe('1940-02-29')
  const french = ['janvier', 'février', 'mars', 'avril', 'mai', 'juin', 'juillet', 'août', 'septembre', 'octobre', 'novembre', 'décembre']
  const english = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']
  for (const names of [french, english]) {
    names.forEach((name, index) => expect(birthDate(`5 ${name} 1960`), name).toBe(`1960-${String(index + 1).padStart(2, '0')}-05`))
  }
})

test('the calendar entry is in universal time and cannot be broken by its title', () => {
  const text = calendar({ starts: '2026-05-14T12:30:00Z', ends: '2026-05-14T12:50:00Z', title: 'Vidéo, test;\nX', uid: 'u', now: 0 })
  expect(text).toContain('DTSTART:20260514T123000Z\r\nDTEND:20260514T125000Z\r\nSUMMARY:Vidéo\\, test\\; X\r\n')
})
