import { expect, test } from 'vitest'
import { guessCategory } from './guess'

test('the name suggests a category, and only those who prescribe are offered a prescription', () => {
  expect(guessCategory('Ordonnance_Mme_L.pdf', 'application/pdf', true)).toBe('prescription')
  expect(guessCategory('Ordonnance_Mme_L.pdf', 'application/pdf', false)).toBe('other')
  expect(guessCategory('CR 2026-11.pdf', 'application/pdf', true)).toBe('report')
  expect(guessCategory('écran.png', 'image/png', true)).toBe('photo')
  expect(guessCategory('secret.pdf', 'application/pdf', true)).toBe('other')
})
