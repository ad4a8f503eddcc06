/** What the first bytes say a file is. */
export type FileKind = 'pdf' | 'jpeg' | 'png' | 'webp' | 'heic' | 'other'

/** Why a file cannot be sent. */
export type Unsendable = 'type' | 'heic' | 'empty'

export interface Prepared {
  file: Blob
  name: string
  kind: FileKind
}

/** Longest side that the server keeps of a photo, in pixels: more would be sent for nothing. */
const SIDE_MAX = 3000
/** Photos of so many bytes are made smaller before they are sent. */
const LARGE_BYTES = 2_000_000
const QUALITY = 0.88

export function kindOf(head: Uint8Array): FileKind {
  const text = (from: number, to: number): string => String.fromCharCode(...head.subarray(from, to))
  if (text(0, 5) === '%PDF-') return 'pdf'
  if (head[0] === 0xff && head[1] === 0xd8 && head[2] === 0xff) return 'jpeg'
  if (text(0, 8) === '\x89PNG\r\n\x1a\n') return 'png'
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return 'webp'
  if (text(4, 8) === 'ftyp' && /^(hei[cxms]|hev[cxms]|mif1|msf1)/.test(text(8, 12))) return 'heic'
  return 'other'
}

/** The size that fits into a square of `most`, with the same shape; never larger. */
export function fitted(width: number, height: number, most: number): { width: number; height: number } {
  const share = Math.min(1, most / Math.max(width, height))
  return { width: Math.max(1, Math.round(width * share)), height: Math.max(1, Math.round(height * share)) }
}

/** `photo.heic` becomes `photo.jpg`. */
export const jpegName = (name: string): string => `${name.replace(/\.[^.]*$/, '') || 'photo'}.jpg`

/** Makes a file ready for sending: what is no photo and no PDF is refused here already, large photos become smaller. */
export async function prepare(file: File): Promise<Prepared | Unsendable> {
  if (file.size === 0) return 'empty'
  const kind = kindOf(new Uint8Array(await file.slice(0, 16).arrayBuffer()))
  if (kind === 'other') return 'type'
  const asItIs: Prepared = { file, name: file.name || 'document', kind }
  if (kind === 'pdf' || (kind !== 'heic' && file.size < LARGE_BYTES)) return asItIs
  const smaller = await asJpeg(file).catch(() => undefined)
  if (smaller === undefined) return kind === 'heic' ? 'heic' : asItIs
  if (kind !== 'heic' && smaller.size >= file.size) return asItIs
  return { file: smaller, name: jpegName(file.name), kind: 'jpeg' }
}

/** Only browsers that can show a photo can write it anew: HEIC opens in Safari alone. */
async function asJpeg(file: File): Promise<Blob> {
  const picture = await createImageBitmap(file, { imageOrientation: 'from-image' })
  try {
    const size = fitted(picture.width, picture.height, SIDE_MAX)
    const canvas = Object.assign(document.createElement('canvas'), size)
    const pen = canvas.getContext('2d')
    if (pen === null) throw new Error('no canvas')
    // Transparent places would become black.
    pen.fillStyle = '#fff'
    pen.fillRect(0, 0, size.width, size.height)
    pen.drawImage(picture, 0, 0, size.width, size.height)
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob === null ? reject(new Error('no picture')) : resolve(blob)), 'image/jpeg', QUALITY)
    })
  } finally {
    picture.close()
  }
}
