import { lazy, Suspense, useEffect, useId, useRef, useState } from 'react'
import { useDocumentWords } from '../../documents/words'
import { Button } from '../../ui/Button'
import { Notice } from '../../ui/Notice'
import { Spinner } from '../../ui/Progress'
import { CloseIcon, RetryIcon, SaveIcon } from '../../ui/icons'
import type { GuestApi } from '../api'
import { happened, wentWrong } from '../diary'
import { usePatientWords } from '../words'
import { bytesOf, saveAddress, type Document } from './api'

const PdfView = lazy(() => import('../../documents/PdfView').then(({ PdfView: view }) => ({ default: view })))

interface ViewerProps {
  api: GuestApi
  document: Document
  onClose: () => void
}

/** One document over the whole page; the call goes on behind it. */
export function Viewer({ api, document: shown, onClose }: ViewerProps) {
  const { t } = usePatientWords()
  const { t: words } = useDocumentWords()
  const dialog = useRef<HTMLDialogElement>(null)
  const title = useId()
  const [bytes, setBytes] = useState<ArrayBuffer | 'failed'>()
  const [attempt, setAttempt] = useState(0)
  useEffect(() => {
    const before = document.activeElement
    dialog.current?.showModal()
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  useEffect(() => {
    let left = false
    const tell = (got: ArrayBuffer | 'failed'): void => {
      if (left) return
      if (got === 'failed') wentWrong('download_failed')
      else happened('document_opened')
      setBytes(got)
    }
    bytesOf(api, shown.id).then(tell, () => tell('failed'))
    return () => {
      left = true
    }
  }, [api, attempt, shown.id])
  const name = words.categories[shown.category]
  return (
    <dialog
      ref={dialog}
      className="viewer"
      aria-labelledby={title}
      data-test="viewer"
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
    >
      <header className="viewer-top">
        <h2 id={title}>{name}</h2>
        <Button kind="quiet" icon={<CloseIcon />} data-test="viewer-close" onClick={onClose}>
          {t.close}
        </Button>
      </header>
      <div className="viewer-body">
        {bytes === undefined && <Spinner>{words.opening}</Spinner>}
        {bytes === 'failed' && (
          <>
            <Notice kind="bad">{t.unreachableText}</Notice>
            <Button
              icon={<RetryIcon />}
              onClick={() => {
                setBytes(undefined)
                setAttempt(attempt + 1)
              }}
            >
              {t.again}
            </Button>
          </>
        )}
        {bytes instanceof ArrayBuffer &&
          (shown.mime === 'application/pdf' ? (
            <Suspense fallback={<Spinner>{words.opening}</Spinner>}>
              <PdfView bytes={bytes} name={name} />
            </Suspense>
          ) : (
            <Picture bytes={bytes} mime={shown.mime} name={name} />
          ))}
      </div>
      <SaveLink document={shown} />
    </dialog>
  )
}

function Picture({ bytes, mime, name }: { bytes: ArrayBuffer; mime: string; name: string }) {
  const image = useRef<HTMLImageElement>(null)
  useEffect(() => {
    const element = image.current
    // Only what an <img> shows and never runs.
    if (element === null || !/^image\/(jpeg|png|webp)$/.test(mime)) return undefined
    const address = URL.createObjectURL(new Blob([bytes], { type: mime }))
    element.src = address
    return () => URL.revokeObjectURL(address)
  }, [bytes, mime])
  return <img ref={image} className="viewer-picture" alt={name} />
}

export function SaveLink({ document: saved }: { document: Document }) {
  const { t } = usePatientWords()
  const { t: words } = useDocumentWords()
  return (
    <a className="button button-quiet" href={saveAddress(saved.id)} download={saved.name} aria-label={t.saveNamed(words.categories[saved.category])} data-test="save">
      <SaveIcon />
      <span>{t.save}</span>
    </a>
  )
}
