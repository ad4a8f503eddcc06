import { expect, test } from 'vitest'
import { linkIn } from './linkIn'

const SECRET = 'abcdefghijklmnopqrstuv'

test('a link is found in a whole message, with or without its scheme', () => {
  const origin = 'https://soin.example'
  expect(linkIn(`Votre rendez-vous : https://soin.example/c#${SECRET}.`, origin)).toBe(`/c#${SECRET}`)
  expect(linkIn(`soin.example/c#${SECRET}`, origin)).toBe(`/c#${SECRET}`)
})

test('a link of another server, half a link and no link are none', () => {
  for (const text of [`https://autre.example/c#${SECRET}`, 'https://soin.example/c#abc', 'bonjour', '']) {
    expect(linkIn(text, 'https://soin.example')).toBeUndefined()
  }
})
