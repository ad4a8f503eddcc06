import { getDocument, GlobalWorkerOptions, type PDFDocumentProxy, type PDFPageProxy } from 'pdfjs-dist/legacy/build/pdf.mjs'
import worker from 'pdfjs-dist/legacy/build/pdf.worker.min.mjs?url'

GlobalWorkerOptions.workerSrc = worker

export type { PDFDocumentProxy, PDFPageProxy }

/** Decoders of old scans (JPEG 2000, JBIG2): plain JavaScript, because the pages' policy allows no WebAssembly. */
const DECODERS = `${import.meta.env.BASE_URL}assets/pdfjs/`

/** Reads a PDF in a worker of its own. Nothing in it runs: no scripts, no forms, no evaluation of code. `close` ends the worker. */
export function openPdf(bytes: ArrayBuffer): { document: Promise<PDFDocumentProxy>; close: () => void } {
  const task = getDocument({
    // A copy: the worker takes the buffer away.
    data: new Uint8Array(bytes.slice(0)),
    useWasm: false,
    wasmUrl: DECODERS,
    enableXfa: false,
    isOffscreenCanvasSupported: false,
  })
  return { document: task.promise, close: () => void task.destroy().catch(() => undefined) }
}

/** The words of a page, line by line, and where they end from the top of the page, 0 to 1. */
export async function textOf(page: PDFPageProxy): Promise<{ text: string; lastLine: number | undefined }> {
  const viewport = page.getViewport({ scale: 1 })
  const { items } = await page.getTextContent()
  let text = ''
  let lowest: number | undefined
  for (const item of items) {
    if (!('str' in item)) continue
    text += item.str + (item.hasEOL ? '\n' : '')
    if (item.str.trim() === '') continue
    const [, , , , x, y] = item.transform as number[]
    const [, top] = viewport.convertToViewportPoint(x ?? 0, (y ?? 0) - item.height * 0.25) as number[]
    if (top !== undefined && (lowest === undefined || top > lowest)) lowest = top
  }
  return { text: text.trim(), lastLine: lowest === undefined ? undefined : Math.min(1, Math.max(0, lowest / viewport.height)) }
}
