import { expect, test } from 'vitest'
import { sizeText } from './call'
import { preferredLanguage } from './language'

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
