import { useId, useRef, useState } from 'react'
import { CATEGORIES, type Category, type DocumentBody, type Visibility } from '../../api/documents'
import { sizeText } from '../../i18n/call'
import { useWords } from '../../i18n/deskDocuments'
import { useWords as useProWords } from '../../i18n/pro'
import { Button } from '../../ui/Button'
import { PenIcon } from '../../ui/deskIcons'
import { CheckField, SelectField } from '../../ui/Field'
import { useToast } from '../../ui/Toasts'
import { CheckIcon, CloseIcon, EyeIcon, FileIcon } from '../../ui/icons'
import { useDesk } from '../desk'
import { guessCategory } from './guess'
import { prepared } from './photo'
import { readersOf } from './state'
import { uploadsOf, type Sending } from './uploads'
import { Viewer, type Viewed } from './Viewer'

/** What files are picked from; content decides at the server. */
const ACCEPTED = 'application/pdf,image/jpeg,image/png,image/webp,image/heic,image/heif'

interface AddProps {
  files: readonly File[]
  onFiles: (files: readonly File[]) => void
  /** A PDF that was kept back so that it can be signed first. */
  onSign: (document: DocumentBody, visibility: Visibility[]) => void
}

/** Chooses files, says what they are and who sees them, and sends them. */
export function AddDocuments({ files, onFiles, onSign }: AddProps) {
  const { language, t } = useWords()
  const { t: pro } = useProWords()
  const { consultation, documents } = useDesk()
  const tell = useToast()
  const picker = useRef<HTMLInputElement>(null)
  const camera = useRef<HTMLInputElement>(null)
  const title = useId()
  const [category, setCategory] = useState<Category>()
  const [readers, setReaders] = useState<ReadonlySet<string>>(new Set(['patient']))
  const [viewed, setViewed] = useState<Viewed>()
  const { id, capabilities: can } = consultation
  const mayPrescribe = can.includes('send_prescription')
  const first = files[0]
  const chosen = category ?? (first === undefined ? 'other' : guessCategory(first.name, first.type, mayPrescribe))
  const offered = readersOf(consultation.participants)
  const visibility = offered.filter(({ key }) => readers.has(key)).map((reader) => reader.visibility)
  const add = (list: FileList | null): void => {
    if (list !== null) onFiles([...files, ...list])
  }
  const send = (sign: boolean): void => {
    const sending: Omit<Sending, 'file'> = { category: chosen, visibility: sign ? [] : visibility }
    onFiles([])
    setCategory(undefined)
    for (const file of files) {
      void prepared(file)
        .then((ready) => uploadsOf(id).add({ ...sending, file: ready }))
        .then((item) => {
          documents.reload()
          if (item.step !== 'done' || item.document === undefined) return
          uploadsOf(id).forget(item.id)
          if (sign) onSign(item.document, visibility)
          else tell(t.handedOver(item.document.name))
        })
    }
  }
  const signable = files.length === 1 && first?.type === 'application/pdf' && consultation.kind === 'dossier'
  return (
    <section className="doc-add" aria-labelledby={title}>
      <h2 id={title}>{t.add}</h2>
      <div className="doc-drop">
        <FileIcon />
        <span>{t.drop}</span>
        <span className="pro-row">
          <Button icon={<FileIcon />} kind="quiet" onClick={() => picker.current?.click()}>{t.choose}</Button>
          {matchMedia('(pointer: coarse)').matches && <Button icon={<FileIcon />} kind="quiet" onClick={() => camera.current?.click()}>{t.photo}</Button>}
        </span>
        <small>{t.limits}</small>
        {[{ ref: picker, label: t.choose, more: { accept: ACCEPTED, multiple: true } }, { ref: camera, label: t.photo, more: { accept: 'image/*', capture: 'environment' as const } }].map(({ ref, label, more }) => (
          <input key={label} ref={ref} className="files-input" type="file" tabIndex={-1} aria-label={label} {...more} onChange={(event) => {
            add(event.target.files)
            // The same file may be chosen again.
            event.target.value = ''
          }} />
        ))}
      </div>
      {files.length > 0 && (
        <form className="pro-stack" onSubmit={(event) => {
          event.preventDefault()
          send(false)
        }}>
          <h3>{t.chosen}</h3>
          <ul className="doc-chosen">
            {files.map((file, at) => (
              <li key={`${file.name} ${at}`} className="pro-row">
                <span className="doc-name">{file.name}</span>
                <small>{sizeText(file.size, language)}</small>
                <Button icon={<EyeIcon />} kind="quiet" className="button-small" aria-label={t.previewName(file.name)} onClick={() => setViewed({ name: file.name, mime: file.type, load: () => Promise.resolve(file) })}>{t.preview}</Button>
                <Button icon={<CloseIcon />} kind="quiet" className="button-small" aria-label={t.putBackName(file.name)} onClick={() => onFiles(files.filter((each) => each !== file))}>{t.putBack}</Button>
              </li>
            ))}
          </ul>
          <SelectField label={t.category} value={chosen} onChange={(event) => setCategory(event.target.value as Category)}>
            {CATEGORIES.filter((each) => each !== 'prescription' || mayPrescribe).map((each) => <option key={each} value={each}>{t.categories[each]}</option>)}
          </SelectField>
          <fieldset className="pro-set">
            <legend>{t.readers}</legend>
            {offered.map(({ key, name, role }) => (
              <CheckField key={key} label={key === 'patient' ? `${t.patient}${name === '' ? '' : ` (${name})`}` : `${name} (${pro.roles[role]})`} checked={readers.has(key)} onChange={(event) => {
                const next = new Set(readers)
                if (event.target.checked) next.add(key)
                else next.delete(key)
                setReaders(next)
              }} />
            ))}
            {visibility.length === 0 && <p className="field-hint">{t.readersNone}</p>}
          </fieldset>
          <div className="pro-row">
            <Button icon={<CheckIcon />} type="submit">{visibility.length === 0 ? t.keep : t.send}</Button>
            {signable && <Button icon={<PenIcon />} kind="quiet" onClick={() => send(true)}>{t.signThenSend}</Button>}
          </div>
        </form>
      )}
      {viewed !== undefined && <Viewer viewed={viewed} onClose={() => setViewed(undefined)} />}
    </section>
  )
}
