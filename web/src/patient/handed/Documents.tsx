import { useRef, useState } from 'react'
import { useDocumentWords } from '../../documents/words'
import { useLanguage } from '../../i18n/context'
import { Button } from '../../ui/Button'
import { Notice } from '../../ui/Notice'
import { CameraIcon, CloseIcon, EyeIcon, FileIcon } from '../../ui/icons'
import type { GuestApi } from '../api'
import { hourText } from '../time'
import { usePatientWords, type PatientWords } from '../words'
import { isReadable, type Document } from './api'
import type { Handed, Sending } from './useHanded'
import { SaveLink, Viewer } from './Viewer'

interface DocumentsProps {
  api: GuestApi
  handed: Handed
  zone: string
}

/** What was received, what was sent, and the way to send. */
export function Documents({ api, handed, zone }: DocumentsProps) {
  const { t } = usePatientWords()
  const [open, setOpen] = useState<Document>()
  const received = handed.documents.filter((one) => !one.own)
  const sent = handed.documents.filter((one) => one.own)
  return (
    <>
      {received.length > 0 && (
        <section className="handed" aria-labelledby="received">
          <h2 id="received">{t.received}</h2>
          <ul className="handed-list">
            {received.map((one) => (
              <Received key={one.id} document={one} zone={zone} onOpen={() => setOpen(one)} />
            ))}
          </ul>
        </section>
      )}
      {received.length === 0 && <p>{t.nothingReceived}</p>}
      {(handed.maySend || sent.length > 0) && (
        <section className="handed" aria-labelledby="sent">
          <h2 id="sent">{t.sendTitle}</h2>
          {handed.maySend && <Send handed={handed} />}
          <Sendings handed={handed} />
          {sent.length > 0 && (
            <ul className="handed-list">
              {sent.map((one) => (
                <Sent key={one.id} document={one} onTakeBack={() => handed.takeBack(one.id)} />
              ))}
            </ul>
          )}
        </section>
      )}
      {open !== undefined && <Viewer api={api} document={open} onClose={() => setOpen(undefined)} />}
    </>
  )
}

function Received({ document: one, zone, onOpen }: { document: Document; zone: string; onOpen: () => void }) {
  const { t } = usePatientWords()
  const { t: words } = useDocumentWords()
  const { language } = useLanguage()
  const name = words.categories[one.category]
  return (
    <li className="handed-item" data-test="received" data-state={one.state}>
      <p>
        <strong>{name}</strong>
        <span className="handed-about">{one.state === 'replaced' ? t.replaced : t.receivedAt(hourText(one.created_at, zone, language))}</span>
      </p>
      <div className="handed-doings">
        <Button icon={<EyeIcon />} aria-label={t.seeNamed(name)} data-test="see" onClick={onOpen}>
          {t.see}
        </Button>
        <SaveLink document={one} />
      </div>
    </li>
  )
}

/** A camera or a file; the same on a computer, where the first opens files too. */
function Send({ handed }: { handed: Handed }) {
  const { t } = usePatientWords()
  const camera = useRef<HTMLInputElement>(null)
  const files = useRef<HTMLInputElement>(null)
  const touch = matchMedia('(pointer: coarse)').matches
  const chosen = (input: HTMLInputElement, photo: boolean): void => {
    handed.send([...(input.files ?? [])], photo ? 'photo' : undefined)
    // The same file may be chosen again.
    input.value = ''
  }
  return (
    <>
      {touch && (
        <>
          <Button icon={<CameraIcon />} data-test="take-photo" onClick={() => camera.current?.click()}>
            {t.takePhoto}
          </Button>
          <input
            ref={camera}
            type="file"
            hidden
            accept="image/*"
            capture="environment"
            aria-label={t.takePhoto}
            onChange={(event) => chosen(event.target, true)}
          />
        </>
      )}
      <Button kind={touch ? 'quiet' : 'main'} icon={<FileIcon />} data-test="choose-file" onClick={() => files.current?.click()}>
        {t.chooseFile}
      </Button>
      <input
        ref={files}
        type="file"
        hidden
        multiple
        // Telephones of Apple hand over JPEG instead of HEIC where JPEG is named.
        accept="image/jpeg,image/png,image/webp,application/pdf"
        aria-label={t.chooseFile}
        data-test="file-input"
        onChange={(event) => chosen(event.target, false)}
      />
    </>
  )
}

/** Files on their way: how far each is, in words. */
export function Sendings({ handed }: { handed: Handed }) {
  const { t } = usePatientWords()
  return (
    <ul className="handed-list" aria-label={t.onTheWay}>
      {handed.sending.map((one) => (
        <li key={one.id} className="handed-item" data-test="sending" data-state={one.state}>
          <p>
            <strong>{one.name}</strong>
          </p>
          {one.state === 'failed' ? (
            <Notice kind="bad">{refusalText(one.problem, t)}</Notice>
          ) : (
            <>
              <p role="status">{stageText(one, t)}</p>
              <progress max={Math.max(1, one.size)} value={one.sent} aria-label={t.progressOf(one.name)} />
            </>
          )}
          <Button icon={<CloseIcon />} kind="quiet" onClick={() => handed.drop(one.id)}>
            {one.state === 'failed' ? t.close : t.cancelSending}
          </Button>
        </li>
      ))}
    </ul>
  )
}

/** Read out with each quarter, not with each piece. */
function stageText(one: Sending, t: PatientWords): string {
  if (one.state === 'preparing') return t.sendingPrepared
  if (one.state === 'checking') return t.sendingChecked
  const quarter = Math.min(3, Math.floor((one.sent / Math.max(1, one.size)) * 4))
  return [t.sendingBegun, t.sendingQuarter, t.sendingHalf, t.sendingSoon][quarter] ?? t.sendingBegun
}

function refusalText(problem: string | undefined, t: PatientWords): string {
  switch (problem) {
    case 'type':
    case 'empty':
    case 'file-type-not-allowed':
      return t.fileType
    case 'heic':
      return t.fileHeic
    case 'file-too-large':
      return t.fileTooLarge
    case 'file-infected':
    case 'file-active-content':
      return t.fileRefused
    case 'quota-exceeded':
      return t.fileTooMany
    default:
      return t.fileFailed
  }
}

function Sent({ document: one, onTakeBack }: { document: Document; onTakeBack: () => void }) {
  const { t } = usePatientWords()
  const words = one.first_opened_at !== undefined ? t.sentOpened : one.state === 'quarantined' ? t.fileRefused : isReadable(one) ? t.sent : t.sendingChecked
  return (
    <li className="handed-item" data-test="sent" data-state={one.state}>
      <p>
        <strong>{one.name}</strong>
        <span className="handed-about">{words}</span>
      </p>
      {one.state === 'available' && (
        <Button icon={<CloseIcon />} kind="quiet" aria-label={t.takeBackNamed(one.name)} onClick={onTakeBack}>
          {t.takeBack}
        </Button>
      )}
    </li>
  )
}

interface NewDocumentProps {
  document: Document
  onSee: () => void
  onLater: () => void
}

/** Over the picture of the call: something came. */
export function NewDocument({ document: one, onSee, onLater }: NewDocumentProps) {
  const { t } = usePatientWords()
  const { t: words } = useDocumentWords()
  return (
    <section className="pcard" data-test="new-document">
      <p>
        <FileIcon />
        <span>
          {t.documentCame} <strong>{words.categories[one.category]}</strong>
        </span>
      </p>
      <div className="handed-doings">
        <Button icon={<EyeIcon />} data-test="see" onClick={onSee}>
          {t.see}
        </Button>
        <SaveLink document={one} />
        <Button icon={<CloseIcon />} kind="quiet" data-test="later" onClick={onLater}>
          {t.later}
        </Button>
      </div>
    </section>
  )
}
