import { expect, test } from 'vitest'
import { inside, keyed, PRESETS, presetBox, scaled } from './place'

const onPage = ({ x, y, width, height }: { x: number; y: number; width: number; height: number }): boolean =>
  x >= 0 && y >= 0 && width >= 0.02 && height >= 0.02 && x + width <= 1 && y + height <= 1

test('every box that can be reached lies on the page', () => {
  for (const preset of PRESETS) {
    for (const lastLine of [undefined, 0, 0.3, 0.99, 1]) {
      let box = presetBox(preset, lastLine)
      expect(onPage(box)).toBe(true)
      for (const key of ['ArrowRight', '+', 'ArrowDown', '-', 'ArrowLeft', 'ArrowUp']) {
        for (let round = 0; round < 80; round += 1) box = keyed(box, key, round % 2 === 0) ?? box
        expect(onPage(box)).toBe(true)
      }
    }
  }
  expect(onPage(inside({ x: 3, y: -1, width: 2, height: 0 }))).toBe(true)
})

test('under the last line means under it, and at the foot where the text ends there', () => {
  expect(presetBox('under-last-line', 0.4).y).toBeCloseTo(0.415, 3)
  expect(presetBox('under-last-line', 0.99).y).toBeCloseTo(0.92, 3)
  expect(presetBox('under-last-line', undefined).y).toBeCloseTo(0.87, 3)
})

test('arrows move, plus and minus scale around the middle, other keys do nothing', () => {
  const box = presetBox('bottom-right', undefined)
  expect(keyed(box, 'ArrowLeft', false)?.x).toBeCloseTo(0.63, 3)
  expect(keyed(box, 'ArrowUp', true)?.y).toBeCloseTo(0.866, 3)
  expect(keyed(box, 'Enter', false)).toBeUndefined()
  const small = scaled({ x: 0.4, y: 0.4, width: 0.2, height: 0.1 }, 0.5)
  expect(small.width / small.height).toBeCloseTo(2, 2)
  expect(small.x + small.width / 2).toBeCloseTo(0.5, 2)
})
