import { expect, test } from 'vitest'
import { catalogues, preferredLanguage, sizeText } from './language'

test('the browser chooses the language, and French is the fallback', () => {
  expect(preferredLanguage(['de-DE', 'en-GB', 'fr'])).toBe('en')
  expect(preferredLanguage(['fr-CA', 'en'])).toBe('fr')
  expect(preferredLanguage(['pt'])).toBe('fr')
  expect(preferredLanguage([])).toBe('fr')
})

test('sizes read as people write them', () => {
  expect(sizeText(999, 'fr')).toBe('999 o')
  expect(sizeText(1500, 'fr')).toBe('1,5 ko')
  expect(sizeText(52_428_800, 'en')).toBe('52 MB')
  expect(sizeText(999_600, 'en')).toBe('1 MB')
})

test('both catalogues hold the same texts, none of them empty', () => {
  expect(Object.keys(catalogues.en).sort()).toEqual(Object.keys(catalogues.fr).sort())
  for (const catalogue of Object.values(catalogues)) {
    for (const text of Object.values(catalogue)) {
      const shown = typeof text === 'string' ? text : (text as (a: never, b: never) => string)('x' as never, 'y' as never)
      expect(shown.trim()).not.toBe('')
    }
  }
})
