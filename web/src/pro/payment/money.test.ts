import { expect, test } from 'vitest'
import { centsOf, euros, typedEuros } from './money'

test('amounts are read as people type them, and nothing else is', () => {
  expect(centsOf('25')).toBe(2500)
  expect(centsOf('25,5')).toBe(2550)
  expect(centsOf('25.05 €')).toBe(2505)
  expect(centsOf('1 000,00')).toBe(100_000)
  for (const wrong of ['', '-5', '25,555', '2,5,5', 'gratuit', '1e3']) expect(centsOf(wrong)).toBeUndefined()
})

test('what is shown in a field is read back as the same amount', () => {
  for (const cents of [100, 2505, 2550, 100_000]) expect(centsOf(typedEuros(cents))).toBe(cents)
  expect(euros(2500, 'fr').replace(/\s/g, ' ')).toBe('25,00 €')
  expect(euros(2500, 'en')).toBe('€25.00')
})
