import { expect, test } from 'vitest'
import { gridColumns } from './grid'

test('two people sit side by side on a desk and one above the other on a phone', () => {
  expect(gridColumns(2, 1280, 640)).toBe(2)
  expect(gridColumns(2, 360, 600)).toBe(1)
})

test('eight people fill a wide screen in two rows and a phone in two columns', () => {
  expect(gridColumns(8, 1280, 640)).toBe(4)
  expect(gridColumns(8, 360, 600)).toBe(2)
})

test('nobody, or a box without size, is one column', () => {
  expect(gridColumns(0, 100, 100)).toBe(1)
  expect(gridColumns(5, 0, 100)).toBe(1)
})
