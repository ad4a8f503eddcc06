import { lazy, Suspense, useState } from 'react'
import type { DocumentBody, Visibility } from '../../api/documents'
import { useMe } from '../../auth/session'
import { useWords } from '../../i18n/deskDocuments'
import { useWords as useProWords } from '../../i18n/pro'
import { Boundary } from '../../ui/Boundary'
import { Button } from '../../ui/Button'
import { CloseIcon } from '../../ui/icons'
import { Dialog } from '../../ui/Dialog'
import { Spinner } from '../../ui/Progress'
import { SignatureMaker } from './SignatureMaker'

// Brings the reader of PDFs along.
const Placing = lazy(() => import('./Placing'))

interface SignProps {
  document: DocumentBody
  /** Who sees the signed one; as before unless given. */
  visibility: Visibility[] | undefined
  onClose: () => void
}

/** Puts the stored signature on a PDF. Whoever has none yet makes it first. */
export function SignDialog({ document, visibility, onClose }: SignProps) {
  const { t } = useWords()
  const { t: pro } = useProWords()
  const { me } = useMe()
  const [saved, setSaved] = useState(false)
  const title = t.signTitle(document.name)
  if (!me.signature_set && !saved) {
    return (
      <Dialog wide title={title} onClose={onClose} actions={<Button icon={<CloseIcon />} kind="quiet" onClick={onClose}>{pro.cancel}</Button>}>
        <p>{t.signFirst}</p>
        <SignatureMaker onSaved={() => setSaved(true)} />
      </Dialog>
    )
  }
  const waiting = (
    <Dialog wide title={title} onClose={onClose} actions={<Button icon={<CloseIcon />} kind="quiet" onClick={onClose}>{pro.cancel}</Button>}>
      <Spinner>{t.opening}</Spinner>
    </Dialog>
  )
  return (
    <Boundary>
      <Suspense fallback={waiting}>
        <Placing document={document} visibility={visibility} onClose={onClose} />
      </Suspense>
    </Boundary>
  )
}
