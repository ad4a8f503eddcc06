import { expect, test } from 'vitest'
import { changed, daysOf, hoursOf } from './settingsForm'

const row = (kept: string, hours: number, settable = true) => ({ kept, hours, default_h: hours, min_h: 24, max_h: 8760, settable })

test('days and hours are the same time', () => {
  expect(daysOf(720)).toBe('30')
  expect(daysOf(36)).toBe('1.5')
  expect(hoursOf('1,5')).toBe(36)
})

test('only what was changed and may be changed is sent, and nonsense is left to the server to refuse', () => {
  const rows = [row('dossier', 720), row('audit', 8760), row('phone_hash', 720, false)]
  expect(changed(rows, { dossier: '10', audit: '365', phone_hash: '1' })).toEqual({ dossier: 240 })
  for (const typed of ['', 'dix', '-1']) expect(changed(rows, { dossier: typed })).toEqual({ dossier: 4_294_967_295 })
})
