import { useRef, useState } from 'react'
import { documents as api, type DocumentBody, type Visibility } from '../../api/documents'
import type { Person } from '../../api/types'
import { useAction } from '../../api/useAction'
import { useMe } from '../../auth/session'
import { sizeText } from '../../i18n/call'
import { useWords } from '../../i18n/deskDocuments'
import { useWords as useProWords } from '../../i18n/pro'
import { Button } from '../../ui/Button'
import { PenIcon, TrashIcon } from '../../ui/deskIcons'
import { Chip } from '../../ui/Chip'
import { Dialog } from '../../ui/Dialog'
import { Notice } from '../../ui/Notice'
import { useToast } from '../../ui/Toasts'
import { CloseIcon, EyeIcon, FileIcon, PersonIcon, RetryIcon, SaveIcon } from '../../ui/icons'
import { useDesk } from '../desk'
import { dayTime } from '../format'
import { ProblemNotice, saveFile } from '../parts'
import { prepared } from './photo'
import { isReadable, isThere, maySign, mayReplace, mayWithdraw, reads, stateOf } from './state'
import { uploadsOf } from './uploads'

interface RowProps {
  document: DocumentBody
  onView: (document: DocumentBody) => void
  onSign: (document: DocumentBody) => void
}

/** A document with its state and what can be done with it. */
export function DocumentRow({ document, onView, onSign }: RowProps) {
  const { t } = useWords()
  const { consultation, documents, own: owner } = useDesk()
  const tell = useToast()
  const action = useAction()
  const picker = useRef<HTMLInputElement>(null)
  const [asking, setAsking] = useState(false)
  const { id } = consultation
  const { name } = document
  const { word, tone } = stateOf(document)
  const readable = isReadable(document)
  const doing = (work: () => Promise<unknown>, said: string): void => {
    void action.run(async () => {
      await work()
      tell(said)
      documents.reload()
    })
  }
  const replace = (file: File | undefined): void => {
    if (file === undefined) return
    const visibility = document.visible_to
    void prepared(file)
      .then((ready) => uploadsOf(id).add({ file: ready, category: document.category, visibility, replaces: document.id }))
      .then((item) => {
        documents.reload()
        if (item.step === 'done') uploadsOf(id).forget(item.id)
      })
  }
  return (
    <li className="doc" data-test="document">
      <div className="doc-head">
        <FileIcon />
        <strong className="doc-name">{name}</strong>
      </div>
      <p className="doc-chips">
        <Chip tone={tone}>{t.states[word]}</Chip>
        <Chip>{t.categories[document.category]}</Chip>
        {document.signed !== 'none' && <Chip tone="good">{t.signed[document.signed]}</Chip>}
      </p>
      <About document={document} />
      {document.warnings.map((warning) => <Notice key={warning} kind="warn">{t.warnings[warning] ?? warning}</Notice>)}
      {document.state === 'quarantined' && <Notice kind="bad">{t.quarantinedText}</Notice>}
      {document.state === 'rejected' && document.refusal !== undefined && document.refusal !== null && <p className="doc-about">{t.rejections[document.refusal] ?? document.refusal}</p>}
      <ProblemNotice problem={action.problem} />
      <div className="pro-row">
        {readable && <Button icon={<EyeIcon />} kind={word === 'fresh' ? 'main' : 'quiet'} className="button-small" aria-label={t.viewName(name)} onClick={() => onView(document)}>{t.view}</Button>}
        {readable && <Button kind="quiet" className="button-small" icon={<SaveIcon />} aria-label={t.downloadName(name)} busy={action.busy} onClick={() => void action.run(async () => {
          await saveFile(api.savePath(id, document.id))
          documents.reload()
        })}>{t.download}</Button>}
        {owner && maySign(document) && <Button icon={<PenIcon />} kind="quiet" className="button-small" aria-label={t.signName(name)} onClick={() => onSign(document)}>{t.sign}</Button>}
        {document.own && isThere(document) && document.visible_to.length === 0 && (
          <Button icon={<PersonIcon />} kind="quiet" className="button-small" aria-label={t.shareName(name)} busy={action.busy} onClick={() => doing(() => api.share(id, document.id, [{ role: 'patient' }]), t.shared)}>{t.share}</Button>
        )}
        {mayReplace(document) && <Button icon={<RetryIcon />} kind="quiet" className="button-small" aria-label={t.replaceName(name)} onClick={() => picker.current?.click()}>{t.replace}</Button>}
        {mayWithdraw(document) && <Button icon={<TrashIcon />} kind="quiet" className="button-small" aria-label={t.withdrawName(name)} onClick={() => setAsking(true)}>{t.withdraw}</Button>}
        {mayReplace(document) && <input ref={picker} className="files-input" type="file" tabIndex={-1} aria-label={t.replaceName(name)} accept="application/pdf,image/*" onChange={(event) => {
          replace(event.target.files?.[0])
          event.target.value = ''
        }} />}
      </div>
      {asking && <WithdrawDialog busy={action.busy} onClose={() => setAsking(false)} onWithdraw={() => {
        setAsking(false)
        doing(() => api.withdraw(id, document.id), t.withdrawn)
      }} />}
    </li>
  )
}

function WithdrawDialog({ busy, onClose, onWithdraw }: { busy: boolean; onClose: () => void; onWithdraw: () => void }) {
  const { t } = useWords()
  const { t: pro } = useProWords()
  return (
    <Dialog title={t.withdrawTitle} onClose={onClose} actions={
      <>
        <Button icon={<CloseIcon />} kind="quiet" onClick={onClose}>{pro.cancel}</Button>
        <Button icon={<TrashIcon />} kind="danger" busy={busy} onClick={onWithdraw}>{t.withdraw}</Button>
      </>
    }>
      <p>{t.withdrawText}</p>
    </Dialog>
  )
}

/** Whose it is, for whom, and since when. */
function About({ document }: { document: DocumentBody }) {
  const { language, t } = useWords()
  const { me } = useMe()
  const { consultation } = useDesk()
  const sender = consultation.participants.find(({ id }) => id === document.sender)
  const time = (at: string): string => dayTime(at, language, me.time_zone)
  const parts = [
    document.own ? t.fromYou : t.from(sender?.name ?? '?'),
    document.own && document.visible_to.length > 0 && t.forReaders(readerNames(document.visible_to, consultation.participants, t.patient)),
    time(document.created_at),
    sizeText(document.size, language),
    document.version > 1 && t.version(document.version),
    document.own && document.first_opened_at !== undefined && document.first_opened_at !== null && t.openedAt(time(document.first_opened_at)),
  ]
  return <p className="doc-about">{parts.filter((part) => part !== false).join(' · ')}</p>
}

function readerNames(visibility: readonly Visibility[], people: readonly Person[], patient: string): string {
  const names = people.filter((person) => person.role !== 'owner' && reads(person, visibility)).map(({ name, role }) => (name === '' && role === 'patient' ? patient : name))
  return names.length === 0 ? patient : names.join(', ')
}
