import { useEffect, useRef, useState, type CSSProperties, type ReactNode } from 'react'
import { Button } from '../ui/Button'
import { MinusIcon, PlusIcon } from '../ui/deskIcons'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import { openPdf, type Pdf, type PdfPage } from './pdf'
import { useDocumentWords } from './words'
import './documents.css'

interface PdfViewProps {
  bytes: ArrayBuffer
  /** What it is, for those who listen. */
  name: string
}

const ZOOMS = [1, 1.5, 2, 3] as const

/** The PDF in these bytes: nothing yet, or nothing that can be read. */
export function usePdf(bytes: ArrayBuffer): { pdf: Pdf | undefined; failed: boolean } {
  const [opened, setOpened] = useState<{ of: ArrayBuffer; pdf?: Pdf }>()
  useEffect(() => {
    let left = false
    let open: Pdf | undefined
    openPdf(bytes).then(
      (pdf) => {
        open = pdf
        if (left) pdf.close()
        else setOpened({ of: bytes, pdf })
      },
      (error: unknown) => {
        console.warn('a PDF could not be shown', error)
        if (!left) setOpened({ of: bytes })
      },
    )
    return () => {
      left = true
      open?.close()
    }
  }, [bytes])
  const known = opened?.of === bytes
  return { pdf: known ? opened.pdf : undefined, failed: known && opened.pdf === undefined }
}

/** Shows a PDF, page under page, inside our own page. */
export function PdfView({ bytes, name }: PdfViewProps) {
  const { t } = useDocumentWords()
  const { pdf, failed } = usePdf(bytes)
  const [zoom, setZoom] = useState(0)
  if (failed) return <Notice kind="warn">{t.notShown}</Notice>
  if (pdf === undefined) return <Spinner>{t.opening}</Spinner>
  return (
    <div className="pdf">
      <div className="pdf-zoom" role="group" aria-label={t.zoom}>
        <Button icon={<MinusIcon />} kind="quiet" disabled={zoom === 0} onClick={() => setZoom(zoom - 1)}>
          {t.smaller}
        </Button>
        <Button icon={<PlusIcon />} kind="quiet" disabled={zoom === ZOOMS.length - 1} onClick={() => setZoom(zoom + 1)}>
          {t.larger}
        </Button>
      </div>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls has to be reached by the keyboard */}
      <div className="pdf-pages" role="region" aria-label={name} tabIndex={0}>
        {Array.from({ length: pdf.pages }, (_, index) => (
          <Sheet key={index} pdf={pdf} number={index + 1} zoom={ZOOMS[zoom] ?? 1} />
        ))}
      </div>
    </div>
  )
}

interface SheetProps {
  pdf: Pdf
  number: number
  zoom?: number
  /** Told where the text of the page ends. */
  onLastLine?: (lastLine: number | undefined) => void
  /** Lies above the page. */
  children?: ReactNode
}

/** One page: drawn when it comes near the window, and anew when its width changes. */
export function Sheet({ pdf, number, zoom = 1, onLastLine, children }: SheetProps) {
  const { t } = useDocumentWords()
  const sheet = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const [page, setPage] = useState<PdfPage>()
  const [text, setText] = useState('')
  const told = useRef(onLastLine)
  const [near, setNear] = useState(number === 1)
  const [width, setWidth] = useState(0)

  useEffect(() => {
    told.current = onLastLine
    return () => {
      told.current = undefined
    }
  })
  useEffect(() => {
    const element = sheet.current
    if (element === null) return undefined
    const sight = new IntersectionObserver((seen) => {
      if (seen.some((one) => one.isIntersecting)) setNear(true)
    }, { rootMargin: '600px' })
    const size = new ResizeObserver(() => setWidth(Math.round(element.clientWidth)))
    sight.observe(element)
    size.observe(element)
    return () => {
      sight.disconnect()
      size.disconnect()
    }
  }, [])
  useEffect(() => {
    if (!near) return undefined
    let left = false
    void pdf.page(number).then(async (found) => {
      if (left) return
      setPage(found)
      const read = await found.text().catch(() => '')
      // Closed meanwhile, or not.
      setText(read)
      // On another page by now, this one is no longer mounted.
      if (told.current !== undefined) told.current(await found.lastLine().catch(() => undefined))
    }, () => undefined)
    return () => {
      left = true
    }
  }, [near, number, pdf])
  useEffect(() => {
    const element = canvas.current
    if (page === undefined || element === null || width === 0) return undefined
    const drawing = page.draw(element, width)
    // Stopped because the next size is drawn.
    drawing.done.catch(() => undefined)
    return drawing.stop
  }, [page, width])

  const label = t.page(number, pdf.pages)
  return (
    <div ref={sheet} className="pdf-sheet" style={{ '--zoom': zoom, '--ratio': (page?.width ?? 210) / (page?.height ?? 297) } as CSSProperties}>
      <div className="pdf-drawing" role="img" aria-label={label}>
        <canvas ref={canvas} />
      </div>
      <p className="unseen">{text}</p>
      {children}
    </div>
  )
}
