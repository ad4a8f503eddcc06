import { expect, test } from 'vitest'
import { cellsOf, gridColumns, inOrder } from './grid'

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

test('an interpreter comes first and has twice the room of others, the others keep their order', () => {
  const people = [{ role: 'owner', id: 1 }, { role: undefined, id: 2 }, { role: 'interpreter', id: 3 }, { role: 'carer', id: 4 }]
  expect(inOrder(people).map(({ id }) => id)).toEqual([3, 1, 2, 4])
  expect(cellsOf(people)).toBe(5)
  expect(cellsOf([{ role: 'interpreter' }, { role: 'owner' }])).toBe(2)
})
