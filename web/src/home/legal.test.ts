import { expect, test } from 'vitest'
import { told } from './legal'

test('a text is shown in the reader’s language, else in the other one with its language said', () => {
  expect(told({ fr: 'Bonjour', en: 'Hello' }, 'en')).toEqual({ text: 'Hello', lang: 'en' })
  expect(told({ fr: 'Bonjour', en: null }, 'en')).toEqual({ text: 'Bonjour', lang: 'fr' })
  expect(told({ fr: null, en: 'Hello' }, 'fr')).toEqual({ text: 'Hello', lang: 'en' })
  expect(told({ fr: null, en: null }, 'fr')).toBeUndefined()
})
