import { crc32, deflateSync, inflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10])

/** The same picture with so many colours at most (256 or fewer): a screenshot of a call is several times smaller so. */
export function fewerColours(png, colours = 256) {
  const { width, height, pixels } = decode(png)
  const palette = medianCut(pixels, colours)
  const rows = Buffer.alloc((width + 1) * height)
  const nearest = new Map()
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = (y * width + x) * 3
      const colour = (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2]
      let index = nearest.get(colour)
      if (index === undefined) {
        index = closest(palette, pixels[at], pixels[at + 1], pixels[at + 2])
        nearest.set(colour, index)
      }
      rows[y * (width + 1) + 1 + x] = index
    }
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 3, 0, 0, 0], 8)
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flat())),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type, data) {
  const out = Buffer.alloc(data.length + 12)
  out.writeUInt32BE(data.length, 0)
  out.write(type, 4, 'latin1')
  data.copy(out, 8)
  out.writeUInt32BE(crc32(out.subarray(4, data.length + 8)), data.length + 8)
  return out
}

/** Pixels as RGB of a PNG as browsers write them: 8 bits, with or without alpha, not interlaced. */
function decode(png) {
  const width = png.readUInt32BE(16)
  const height = png.readUInt32BE(20)
  const channels = { 2: 3, 6: 4 }[png[25]]
  if (png[24] !== 8 || channels === undefined || png[28] !== 0) throw new Error('not a PNG of a browser')
  const parts = []
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at)
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + length))
    at += length + 12
  }
  const raw = inflateSync(Buffer.concat(parts))
  const stride = width * channels
  const lines = Buffer.alloc(stride * height)
  const paeth = (a, b, c) => {
    const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)]
    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c
  }
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (stride + 1)]
    for (let x = 0; x < stride; x += 1) {
      const left = x >= channels ? lines[y * stride + x - channels] : 0
      const up = y > 0 ? lines[(y - 1) * stride + x] : 0
      const corner = x >= channels && y > 0 ? lines[(y - 1) * stride + x - channels] : 0
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter]
      lines[y * stride + x] = raw[y * (stride + 1) + 1 + x] + guess
    }
  }
  if (channels === 3) return { width, height, pixels: lines }
  const pixels = Buffer.alloc(width * height * 3)
  for (let at = 0; at < width * height; at += 1) lines.copy(pixels, at * 3, at * 4, at * 4 + 3)
  return { width, height, pixels }
}

/** Boxes of colours, the widest cut in the middle of its pixels until there are enough; each gives its mean. */
function medianCut(pixels, count) {
  const counts = new Map()
  for (let at = 0; at < pixels.length; at += 3) {
    const colour = (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2]
    counts.set(colour, (counts.get(colour) ?? 0) + 1)
  }
  const box = (colours) => {
    const spans = [16, 8, 0].map((shift) => {
      let [low, high] = [255, 0]
      for (const [colour] of colours) {
        const value = (colour >> shift) & 255
        if (value < low) low = value
        if (value > high) high = value
      }
      return { shift, span: high - low }
    })
    return { colours, widest: spans.reduce((a, b) => (b.span > a.span ? b : a)) }
  }
  const boxes = [box([...counts])]
  while (boxes.length < count) {
    const at = boxes.reduce((best, each, index) => (each.widest.span > boxes[best].widest.span ? index : best), 0)
    const { colours, widest: { shift, span } } = boxes[at]
    if (span === 0) break
    colours.sort(([a], [b]) => ((a >> shift) & 255) - ((b >> shift) & 255))
    const half = colours.reduce((sum, [, number]) => sum + number, 0) / 2
    let cut = 0
    for (let sum = 0; cut < colours.length - 1 && sum < half; cut += 1) sum += colours[cut][1]
    cut = Math.max(cut, 1)
    boxes.splice(at, 1, box(colours.slice(0, cut)), box(colours.slice(cut)))
  }
  return boxes.map(({ colours }) => {
    const total = colours.reduce((sum, [, number]) => sum + number, 0)
    return [16, 8, 0].map((shift) => Math.round(colours.reduce((sum, [colour, number]) => sum + ((colour >> shift) & 255) * number, 0) / total))
  })
}

function closest(palette, r, g, b) {
  let best = 0
  let least = Infinity
  for (const [index, [pr, pg, pb]] of palette.entries()) {
    const far = (pr - r) ** 2 + (pg - g) ** 2 + (pb - b) ** 2
    if (far < least) [least, best] = [far, index]
  }
  return best
}
