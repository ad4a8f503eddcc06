import { useState } from 'react'
import { useWords } from '../i18n/pdf'
import { Button } from '../ui/Button'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import { PdfPage } from './PdfPage'
import { usePdf } from './usePdf'
import './pdf.css'

const ZOOMS = [1, 1.5, 2, 3] as const

/** All pages of a PDF, one under the other. Loaded lazily: it brings the reader of PDFs along. */
export default function PdfPages({ bytes, label }: { bytes: ArrayBuffer; label: string }) {
  const { t } = useWords()
  const { pdf, failed } = usePdf(bytes)
  const [zoom, setZoom] = useState(0)
  if (failed) return <Notice kind="warn">{t.unreadable}</Notice>
  if (pdf === undefined) return <Spinner>{t.opening}</Spinner>
  const scale = ZOOMS[zoom] ?? 1
  return (
    <div className="pdf">
      <div className="pdf-tools">
        <Button kind="quiet" className="button-small" disabled={zoom === 0} onClick={() => setZoom(zoom - 1)}>{t.smaller}</Button>
        <Button kind="quiet" className="button-small" disabled={zoom === ZOOMS.length - 1} onClick={() => setZoom(zoom + 1)}>{t.larger}</Button>
        <span>{t.pages(pdf.numPages)}</span>
      </div>
      {/* Scrolls, so it must be reachable with the keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="pdf-scroll" role="region" aria-label={label} tabIndex={0}>
        <div style={{ width: `${scale * 100}%` }}>
          {Array.from({ length: pdf.numPages }, (_, at) => (
            <PdfPage key={at} pdf={pdf} number={at + 1} label={t.page(at + 1, pdf.numPages)} />
          ))}
        </div>
      </div>
    </div>
  )
}
