import { expect, test } from 'vitest'
import { checked } from './display'

test('what was stored for the display is taken only as far as it makes sense', () => {
  expect(checked({ theme: 'contrast', size: 2 })).toEqual({ theme: 'contrast', size: 2 })
  expect(checked({ theme: 'pink', size: 99 })).toEqual({ theme: 'auto', size: 4 })
  expect(checked({ size: -7.5 })).toEqual({ theme: 'auto', size: 0 })
  expect(checked(null)).toEqual({ theme: 'auto', size: 0 })
})
