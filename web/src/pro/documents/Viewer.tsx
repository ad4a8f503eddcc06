import { lazy, Suspense, useEffect, useState } from 'react'
import type { ApiError } from '../../api/client'
import { asApiError } from '../../api/useAction'
import { useWords } from '../../i18n/deskDocuments'
import { useWords as useProWords } from '../../i18n/pro'
import { Boundary } from '../../ui/Boundary'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Notice } from '../../ui/Notice'
import { Spinner } from '../../ui/Progress'
import { CloseIcon, SaveIcon } from '../../ui/icons'
import { ProblemNotice } from '../parts'

// Brings the reader of PDFs along: fetched when somebody looks at one.
const PdfView = lazy(async () => ({ default: (await import('../../documents/PdfView')).PdfView }))

export interface Viewed {
  name: string
  /** What the bytes are said to be. Only kinds that are drawn are shown. */
  mime: string
  load: () => Promise<Blob>
  save?: () => Promise<void>
  warning?: string | undefined
}

type Content = { kind: 'pdf'; bytes: ArrayBuffer } | { kind: 'image'; url: string } | { kind: 'other' }

const PICTURES = ['image/jpeg', 'image/png', 'image/webp']

/** Shows a document without ever letting it act: PDFs are drawn by our own reader, pictures are pictures, the rest is not shown. */
export function Viewer({ viewed, onClose }: { viewed: Viewed; onClose: () => void }) {
  const { t } = useWords()
  const { t: pro } = useProWords()
  const [content, setContent] = useState<Content>()
  const [problem, setProblem] = useState<ApiError>()
  const [first] = useState(viewed)
  useEffect(() => {
    let gone = false
    let url: string | undefined
    const load = async (): Promise<void> => {
      const blob = await first.load()
      if (gone) return
      if (first.mime === 'application/pdf') setContent({ kind: 'pdf', bytes: await blob.arrayBuffer() })
      else if (PICTURES.includes(first.mime)) {
        url = URL.createObjectURL(new Blob([blob], { type: first.mime }))
        setContent({ kind: 'image', url })
      } else setContent({ kind: 'other' })
    }
    load().catch((failure: unknown) => {
      if (!gone) setProblem(asApiError(failure))
    })
    return () => {
      gone = true
      if (url !== undefined) URL.revokeObjectURL(url)
    }
  }, [first])
  const { save } = viewed
  return (
    <Dialog wide title={viewed.name} onClose={onClose} actions={
      <>
        <Button icon={<CloseIcon />} kind="quiet" onClick={onClose}>{pro.close}</Button>
        {save !== undefined && <Button kind="quiet" icon={<SaveIcon />} onClick={() => void save().catch((failure: unknown) => setProblem(asApiError(failure)))}>{t.download}</Button>}
      </>
    }>
      {viewed.warning !== undefined && <Notice kind="warn">{viewed.warning}</Notice>}
      <ProblemNotice problem={problem} />
      {content === undefined && problem === undefined && <Spinner>{t.opening}</Spinner>}
      {content?.kind === 'pdf' && (
        <Boundary>
          <Suspense fallback={<Spinner>{t.opening}</Spinner>}>
            <div className="doc-viewed">
              <PdfView bytes={content.bytes} name={viewed.name} />
            </div>
          </Suspense>
        </Boundary>
      )}
      {content?.kind === 'image' && <img className="doc-picture" src={content.url} alt={t.imageOf(viewed.name)} />}
      {content?.kind === 'other' && <Notice>{t.notShown}</Notice>}
    </Dialog>
  )
}
