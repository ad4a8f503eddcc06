import type { PDFDocumentProxy, PDFPageProxy } from 'pdfjs-dist'

/** A page, in points (1/72 inch). */
export interface PdfPage {
  width: number
  height: number
  /** Draws the page `width` CSS pixels wide, sharp at the screen's density. Rejects when it is stopped. */
  draw: (canvas: HTMLCanvasElement, width: number) => Drawing
  /** What stands on the page, for those who listen. */
  text: () => Promise<string>
  /** Where its text ends, from its top, 0 to 1; nothing on a page without text. */
  lastLine: () => Promise<number | undefined>
}

export interface Drawing {
  done: Promise<void>
  stop: () => void
}

export interface Pdf {
  pages: number
  page: (number: number) => Promise<PdfPage>
  close: () => void
}

/** Telephones refuse larger canvases, in pixels. */
const CANVAS_PIXELS_MAX = 12_000_000

/** Opens a PDF. The reader is fetched when the first one is opened; it runs no script of the file. */
export async function openPdf(bytes: ArrayBuffer): Promise<Pdf> {
  const [{ getDocument, GlobalWorkerOptions, version }, { default: worker }] = await Promise.all([
    import('pdfjs-dist/legacy/build/pdf.mjs'),
    import('pdfjs-dist/legacy/build/pdf.worker.min.mjs?url'),
  ])
  GlobalWorkerOptions.workerSrc = worker
  // Neither eval nor WebAssembly: the policy of the pages allows neither. The reader takes the bytes away: it gets a copy.
  const task = getDocument({
    data: new Uint8Array(bytes.slice(0)),
    isEvalSupported: false,
    useWasm: false,
    // Decoders of scans (JPEG 2000, JBIG2) in plain JavaScript, where the build puts them.
    wasmUrl: `/assets/pdfjs-${version}/`,
    enableXfa: false,
  })
  const document = await task.promise
  return {
    pages: document.numPages,
    page: (number) => pageOf(document, number),
    close: () => void task.destroy(),
  }
}

async function pageOf(document: PDFDocumentProxy, number: number): Promise<PdfPage> {
  const page = await document.getPage(number)
  const { width, height } = page.getViewport({ scale: 1 })
  return { width, height, draw: (canvas, shown) => draw(page, canvas, shown), text: () => textOf(page), lastLine: () => lastLineOf(page) }
}

function draw(page: PDFPageProxy, canvas: HTMLCanvasElement, shown: number): Drawing {
  const plain = page.getViewport({ scale: 1 })
  const wanted = (shown / plain.width) * Math.max(devicePixelRatio, 2)
  const scale = Math.min(wanted, Math.sqrt(CANVAS_PIXELS_MAX / (plain.width * plain.height)))
  const viewport = page.getViewport({ scale })
  canvas.width = Math.floor(viewport.width)
  canvas.height = Math.floor(viewport.height)
  const task = page.render({ canvas, viewport })
  return { done: task.promise, stop: () => task.cancel() }
}

async function textOf(page: PDFPageProxy): Promise<string> {
  const { items } = await page.getTextContent()
  return items.map((item) => ('str' in item ? item.str + (item.hasEOL ? '\n' : '') : '')).join('')
}

async function lastLineOf(page: PDFPageProxy): Promise<number | undefined> {
  const viewport = page.getViewport({ scale: 1 })
  const { items } = await page.getTextContent()
  const ends = items.flatMap((item) => {
    if (!('str' in item) || item.str.trim() === '') return []
    const [, , , , x, y] = item.transform as number[]
    // Below the base line, for the letters that hang.
    const [, top] = viewport.convertToViewportPoint(x ?? 0, (y ?? 0) - item.height / 4) as number[]
    return top === undefined ? [] : [top / viewport.height]
  })
  return ends.length === 0 ? undefined : Math.min(1, Math.max(0, ...ends))
}
