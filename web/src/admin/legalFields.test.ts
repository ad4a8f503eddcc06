import { expect, test } from 'vitest'
import { legalOf, typedOf } from './LegalFields'

const none = { publisher: { name: null, address: null, registration: null }, host: { name: null, address: null }, dpo_email: null, privacy: { fr: null, en: null }, terms: { fr: null, en: null } }

test('what is typed comes back as it was, and an empty field is taken away', () => {
  expect(legalOf(typedOf(none))).toEqual(none)
  const set = { ...none, publisher: { name: 'CH de Test', address: '1 rue du Test\n44000 Nantes', registration: null }, dpo_email: 'dpo@cabinet.example', terms: { fr: 'Un texte.', en: null } }
  expect(legalOf(typedOf(set))).toEqual(set)
  expect(legalOf({ ...typedOf(set), dpo_email: '  ' }).dpo_email).toBeNull()
})
