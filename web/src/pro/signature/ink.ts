export interface Point {
  x: number
  y: number
}
export type Stroke = readonly Point[]

/** Dark blue, as people sign. */
export const INK = '#1b2f6b'
/** Both sides of the drawing, in pixels: twice what is shown, so that it prints well. */
export const SIZE = { width: 1000, height: 320 } as const
const LINE = 7

/** Draws strokes with their corners rounded: through the middle of each two neighbours. */
export function drawStrokes(context: CanvasRenderingContext2D, strokes: readonly Stroke[]): void {
  context.clearRect(0, 0, SIZE.width, SIZE.height)
  context.strokeStyle = INK
  context.fillStyle = INK
  context.lineWidth = LINE
  context.lineCap = 'round'
  context.lineJoin = 'round'
  for (const stroke of strokes) {
    const [first, ...rest] = stroke
    if (first === undefined) continue
    context.beginPath()
    if (rest.length === 0) {
      context.arc(first.x, first.y, LINE / 2, 0, 2 * Math.PI)
      context.fill()
      continue
    }
    context.moveTo(first.x, first.y)
    let before = first
    for (const point of rest) {
      context.quadraticCurveTo(before.x, before.y, (before.x + point.x) / 2, (before.y + point.y) / 2)
      before = point
    }
    context.lineTo(before.x, before.y)
    context.stroke()
  }
}

const FONT = 'Atkinson Hyperlegible Next'
const LARGEST = 130

/** Writes a name as large as it fits. The font comes from our own server. */
export async function writeName(context: CanvasRenderingContext2D, name: string): Promise<void> {
  const font = (size: number): string => `italic 400 ${size}px '${FONT}', cursive`
  await document.fonts.load(font(LARGEST), name).catch(() => undefined)
  context.clearRect(0, 0, SIZE.width, SIZE.height)
  context.font = font(LARGEST)
  const margin = 30
  const width = context.measureText(name).width
  const size = Math.min(LARGEST, (LARGEST * (SIZE.width - 2 * margin)) / Math.max(1, width))
  context.font = font(size)
  context.fillStyle = INK
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.fillText(name, SIZE.width / 2, SIZE.height / 2)
}

export const pngOf = (canvas: HTMLCanvasElement): Promise<Blob | null> => new Promise((resolve) => canvas.toBlob(resolve, 'image/png'))
