import { expect, test } from 'vitest'
import { fitted, jpegName, kindOf } from './photo'

const bytes = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0))

test.each([
  ['%PDF-1.7\n%....', 'pdf'],
  ['\xff\xd8\xff\xe0..JFIF', 'jpeg'],
  ['\x89PNG\r\n\x1a\n....', 'png'],
  ['RIFF....WEBPVP8 ', 'webp'],
  ['....ftypheic....', 'heic'],
  ['....ftypmif1....', 'heic'],
  ['....ftypisom....', 'other'],
  ['PK\x03\x04', 'other'],
  ['', 'other'],
] as const)('a file is what its first bytes say: %j', (head, kind) => {
  expect(kindOf(bytes(head))).toBe(kind)
})

test('a photo becomes as small as it has to and keeps its shape', () => {
  expect(fitted(4000, 3000, 3000)).toEqual({ width: 3000, height: 2250 })
  expect(fitted(3000, 6000, 3000)).toEqual({ width: 1500, height: 3000 })
  expect(fitted(800, 600, 3000)).toEqual({ width: 800, height: 600 })
  expect(fitted(100_000, 1, 3000)).toEqual({ width: 3000, height: 1 })
})

test('what was written anew is named for what it is', () => {
  expect(jpegName('IMG_2041.HEIC')).toBe('IMG_2041.jpg')
  expect(jpegName('sans point')).toBe('sans point.jpg')
  expect(jpegName('.heic')).toBe('photo.jpg')
})
