import type { Box } from '../../api/documents'

/** Least width and height that the server takes. */
export const LEAST = 0.02
/** A step of the arrow keys; with Shift a fine one. */
export const STEP = 0.02
export const FINE = 0.004

export const PRESETS = ['bottom-right', 'bottom-left', 'top-right', 'under-last-line'] as const
export type Preset = (typeof PRESETS)[number]

const WIDTH = 0.3
const HEIGHT = 0.08
/** Between the last line and the picture. */
const GAP = 0.015
const FIXED: Record<Exclude<Preset, 'under-last-line'>, Box> = {
  'bottom-right': { x: 0.65, y: 0.87, width: WIDTH, height: HEIGHT },
  'bottom-left': { x: 0.05, y: 0.87, width: WIDTH, height: HEIGHT },
  'top-right': { x: 0.65, y: 0.05, width: WIDTH, height: HEIGHT },
}

const between = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value))
/** Enough digits for a page, few enough that a box stays inside after adding them up. */
const rounded = (value: number): number => Math.floor(value * 10_000) / 10_000

/** The nearest box that lies on the page. */
export function inside({ x, y, width, height }: Box): Box {
  const w = rounded(between(width, LEAST, 1))
  const h = rounded(between(height, LEAST, 1))
  return { x: rounded(between(x, 0, 1 - w)), y: rounded(between(y, 0, 1 - h)), width: w, height: h }
}

/** `lastLine`: where the text of the page ends, from its top, if it has any. */
export function presetBox(preset: Preset, lastLine: number | undefined): Box {
  if (preset !== 'under-last-line') return FIXED[preset]
  return inside({ ...FIXED['bottom-right'], y: (lastLine ?? FIXED['bottom-right'].y - GAP) + GAP })
}

/** The box after a key, or nothing for a key that does not move it. */
export function keyed(box: Box, key: string, fine: boolean): Box | undefined {
  const step = fine ? FINE : STEP
  switch (key) {
    case 'ArrowLeft':
      return inside({ ...box, x: box.x - step })
    case 'ArrowRight':
      return inside({ ...box, x: box.x + step })
    case 'ArrowUp':
      return inside({ ...box, y: box.y - step })
    case 'ArrowDown':
      return inside({ ...box, y: box.y + step })
    case '+':
      return scaled(box, 1.1)
    case '-':
      return scaled(box, 1 / 1.1)
    default:
      return undefined
  }
}

/** Larger or smaller around its middle. */
export function scaled(box: Box, by: number): Box {
  const width = between(box.width * by, 0.06, 0.9)
  const height = (box.height * width) / box.width
  return inside({ x: box.x - (width - box.width) / 2, y: box.y - (height - box.height) / 2, width, height })
}
