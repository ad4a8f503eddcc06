import { useSyncExternalStore } from 'react'
import type { ApiError } from '../../api/client'
import { useWords, type Catalogue } from '../../i18n/deskDocuments'
import { useWords as useProWords, type Catalogue as ProCatalogue } from '../../i18n/pro'
import { Button } from '../../ui/Button'
import { CloseIcon, RetryIcon } from '../../ui/icons'
import { Progress } from '../../ui/Progress'
import { problemText } from '../parts'
import { uploadsOf, type UploadItem, type Uploads } from './uploads'

export function useUploads(consultation: string): { uploads: Uploads; items: readonly UploadItem[] } {
  const uploads = uploadsOf(consultation)
  return { uploads, items: useSyncExternalStore(uploads.subscribe, uploads.list) }
}

/** Why a file did not arrive. */
export function refusalText(problem: ApiError, t: Catalogue, pro: ProCatalogue): string {
  if (problem.code === 'unreadable') return t.unreadable
  const detail = problem.fields.map(({ code }) => t.details[code]).find((text) => text !== undefined)
  return detail ?? t.rejections[problem.code] ?? problemText(problem, pro)
}

/** What is on its way, and what did not arrive. */
export function UploadList({ uploads, items }: { uploads: Uploads; items: readonly UploadItem[] }) {
  const { t } = useWords()
  const shown = items.filter(({ step }) => step !== 'done')
  if (shown.length === 0) return null
  return (
    <section>
      <h2>{t.onTheWay}</h2>
      <ul className="doc-list">
        {shown.map((item) => <Line key={item.id} item={item} uploads={uploads} />)}
      </ul>
    </section>
  )
}

function Line({ item, uploads }: { item: UploadItem; uploads: Uploads }) {
  const { t } = useWords()
  const { t: pro } = useProWords()
  const { id, name, step } = item
  const over = step === 'failed' || step === 'cancelled'
  const share = item.size === 0 ? 0 : item.sent / item.size
  return (
    <li className="doc">
      {over ? <p className="doc-name">{name}</p> : <Progress label={t.sendingShare(name, Math.floor(share * 100))} share={share} />}
      <p className={step === 'failed' ? 'field-error' : 'doc-about'} role="status">
        {t.steps[step]}
        {item.problem !== undefined && ` : ${refusalText(item.problem, t, pro)}`}
      </p>
      <div className="pro-row">
        {!over && <Button icon={<CloseIcon />} kind="quiet" className="button-small" aria-label={t.cancelName(name)} onClick={() => uploads.cancel(id)}>{t.cancel}</Button>}
        {step === 'failed' && <Button icon={<RetryIcon />} kind="quiet" className="button-small" aria-label={t.retryName(name)} onClick={() => uploads.retry(id)}>{t.retry}</Button>}
        {over && <Button icon={<CloseIcon />} kind="quiet" className="button-small" aria-label={t.hideName(name)} onClick={() => uploads.forget(id)}>{t.hide}</Button>}
      </div>
    </li>
  )
}
