/** Longest edge of a picture that is made smaller, in pixels; the server keeps no more. */
const EDGE_MAX = 3000
/** From here on a picture is made smaller before it is sent, in bytes. */
const SMALLER_FROM = 8_000_000
const QUALITY = 0.85

const isHeic = ({ name, type }: File): boolean => /^image\/hei[cf]/.test(type) || /\.hei[cf]$/i.test(name)

/**
 * A picture as the server takes it: HEIC as JPEG where this browser can read it, large ones smaller. What cannot be read is
 * sent as it is, so that the refusal has the server's words.
 */
export async function prepared(file: File): Promise<File> {
  const picture = file.type.startsWith('image/') || isHeic(file)
  if (!picture || (!isHeic(file) && file.size < SMALLER_FROM)) return file
  try {
    const bitmap = await createImageBitmap(file)
    const scale = Math.min(1, EDGE_MAX / Math.max(bitmap.width, bitmap.height))
    const canvas = document.createElement('canvas')
    canvas.width = Math.round(bitmap.width * scale)
    canvas.height = Math.round(bitmap.height * scale)
    canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
    bitmap.close()
    const jpeg = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/jpeg', QUALITY))
    return jpeg === null ? file : new File([jpeg], file.name.replace(/\.\w+$/, '') + '.jpg', { type: 'image/jpeg' })
  } catch {
    return file
  }
}
