import { prepare } from '../../documents/photo'

/** A file as it is sent: photos smaller, HEIC as JPEG. What cannot be sent goes as it is, so that the refusal has the server's words. */
export async function prepared(file: File): Promise<File> {
  const ready = await prepare(file)
  return typeof ready === 'string' ? file : new File([ready.file], ready.name, { type: ready.file.type })
}
