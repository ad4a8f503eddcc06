import { useEffect, useState } from 'react'
import { openPdf, type PDFDocumentProxy } from './open'

/** A PDF from its bytes; its worker ends with the component. */
export function usePdf(bytes: ArrayBuffer): { pdf: PDFDocumentProxy | undefined; failed: boolean } {
  const [state, setState] = useState<{ of: ArrayBuffer; pdf?: PDFDocumentProxy; failed: boolean }>({ of: bytes, failed: false })
  useEffect(() => {
    let gone = false
    const { document, close } = openPdf(bytes)
    document.then(
      (pdf) => {
        if (!gone) setState({ of: bytes, pdf, failed: false })
      },
      (error: unknown) => {
        if (gone) return
        console.warn('the PDF could not be read', error)
        setState({ of: bytes, failed: true })
      },
    )
    return () => {
      gone = true
      close()
    }
  }, [bytes])
  return state.of === bytes ? { pdf: state.pdf, failed: state.failed } : { pdf: undefined, failed: false }
}
