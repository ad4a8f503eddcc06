import { useEffect, useRef, useState, type CSSProperties, type ReactNode } from 'react'
import { textOf, type PDFDocumentProxy } from './open'

/** Sharper than this costs memory and shows nothing more; in pixels of the canvas. */
const EDGE_MAX = 3000

interface PdfPageProps {
  pdf: PDFDocumentProxy
  number: number
  /** Read before the words of the page. */
  label: string
  /** Where the text of the page ends, once it is known. */
  onText?: (lastLine: number | undefined) => void
  /** Lies above the page, in its coordinates. */
  children?: ReactNode
}

/** One page as a picture, drawn once it comes near the screen; its words are there for those who listen. */
export function PdfPage({ pdf, number, label, onText, children }: PdfPageProps) {
  const frame = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const told = useRef(onText)
  const [near, setNear] = useState(false)
  const [width, setWidth] = useState(0)
  const [ratio, setRatio] = useState(210 / 297)
  const [text, setText] = useState('')
  useEffect(() => {
    told.current = onText
  })
  useEffect(() => {
    if (frame.current === null) return undefined
    const close = new IntersectionObserver(([entry]) => {
      if (entry?.isIntersecting === true) setNear(true)
    }, { rootMargin: '400px' })
    const size = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.round(entry.contentRect.width))
    })
    close.observe(frame.current)
    size.observe(frame.current)
    return () => {
      close.disconnect()
      size.disconnect()
    }
  }, [])
  useEffect(() => {
    if (!near || width === 0) return undefined
    let gone = false
    let stop: () => void = () => undefined
    const draw = async (): Promise<void> => {
      const page = await pdf.getPage(number)
      const whole = page.getViewport({ scale: 1 })
      if (gone || canvas.current === null) return
      setRatio(whole.width / whole.height)
      const scale = Math.min((width * devicePixelRatio) / whole.width, EDGE_MAX / Math.max(whole.width, whole.height))
      const viewport = page.getViewport({ scale: Math.max(scale, 0.1) })
      canvas.current.width = Math.floor(viewport.width)
      canvas.current.height = Math.floor(viewport.height)
      const task = page.render({ canvas: canvas.current, viewport })
      stop = () => task.cancel()
      await task.promise
    }
    draw().catch((error: unknown) => {
      if (!gone) console.warn('a page could not be drawn', error)
    })
    return () => {
      gone = true
      stop()
    }
  }, [pdf, number, near, width])
  useEffect(() => {
    if (!near) return undefined
    let gone = false
    pdf.getPage(number).then(textOf).then(
      (found) => {
        if (gone) return
        setText(found.text)
        told.current?.(found.lastLine)
      },
      () => undefined,
    )
    return () => {
      gone = true
    }
  }, [pdf, number, near])
  return (
    <div ref={frame} className="pdf-page" style={{ '--ratio': ratio } as CSSProperties}>
      <canvas ref={canvas} role="img" aria-label={label} />
      <p className="unseen">{text}</p>
      {children}
    </div>
  )
}
