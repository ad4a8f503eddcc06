import { useState } from 'react'
import { exportPath, form, type ExportFormat } from '../api/clinic'
import { requestFile } from '../api/client'
import { useAction, useLoad } from '../api/useAction'
import { useMe } from '../auth/session'
import { useWords as useDeskWords } from '../i18n/desk'
import { useWords } from '../i18n/pro'
import { Button } from '../ui/Button'
import { Card } from '../ui/Card'
import { Notice } from '../ui/Notice'
import { EyeIcon, FileIcon, SaveIcon } from '../ui/icons'
import { useDesk } from './desk'
import { DocumentsPanel } from './documents/DocumentsPanel'
import { Viewer, type Viewed } from './documents/Viewer'
import { Addendum, FormPanel } from './FormPanel'
import { dayOf, dayTime, lasting } from './format'
import { ProblemNotice, saveFile } from './parts'
import { PaymentPanel } from './payment/PaymentPanel'
import { embedded, go, paths } from './router'

/** After the call: what it was, the form, documents and payment, the report in its versions, what can be taken away. */
export function AfterCall() {
  const { language, t } = useWords()
  const { t: desk } = useDeskWords()
  const { consultation, own, reload } = useDesk()
  const [files, setFiles] = useState<readonly File[]>([])
  const { id, capabilities: can } = consultation
  const dossier = consultation.kind === 'dossier'
  const until = consultation.retention_until
  return (
    <>
      <Card wide title={desk.summary}>
        <p>{t.videoTime(lasting(consultation.video_seconds))}</p>
        {consultation.audio_only_seconds > 0 && <p>{desk.audioTime(lasting(consultation.audio_only_seconds))}</p>}
        {dossier && consultation.video_seconds === 0 && <Notice kind="warn">{desk.videoHint}</Notice>}
        {until !== undefined && until !== null && dossier && <Notice>{t.retention(dayOf(until, language))}</Notice>}
      </Card>
      {dossier && own && (
        <Card wide title={t.panelForm}>
          <FormPanel id={id} mayValidate={consultation.status === 'ended'} onValidated={reload} />
        </Card>
      )}
      {consultation.status === 'validated' && <Versions key={consultation.status} id={id} own={own} onChanged={reload} />}
      {can.includes('export') && <Downloads id={id} billing={can.includes('billing_sheet')} />}
      {dossier && (
        <Card wide>
          <DocumentsPanel files={files} onFiles={setFiles} />
        </Card>
      )}
      {dossier && own && (
        <Card wide>
          <PaymentPanel />
        </Card>
      )}
    </>
  )
}

function Versions({ id, own, onChanged }: { id: string; own: boolean; onChanged: () => void }) {
  const { language, t } = useWords()
  const { t: desk } = useDeskWords()
  const { me } = useMe()
  const versions = useLoad(`versions ${id}`, () => form.versions(id))
  const [viewed, setViewed] = useState<Viewed>()
  const action = useAction()
  return (
    <Card wide title={t.reportTitle}>
      <ProblemNotice problem={versions.problem ?? action.problem} />
      <ul className="pro-stack">
        {versions.value?.map(({ id: report, version, created_at: made }) => {
          const path = form.reportPath(id, version)
          return (
            <li key={report} className="pro-row">
              <span>{t.reportVersion(version, dayTime(made, language, me.time_zone))}</span>
              <Button icon={<EyeIcon />} kind="quiet" onClick={() => setViewed({ name: desk.reportName(version), mime: 'application/pdf', load: async () => (await requestFile(path)).blob, save: () => saveFile(path) })}>
                {desk.readReport(version)}
              </Button>
              <Button kind="quiet" icon={<SaveIcon />} busy={action.busy} onClick={() => void action.run(() => saveFile(path))}>
                {t.downloadVersion(version)}
              </Button>
            </li>
          )
        })}
      </ul>
      {own && <Addendum id={id} onDone={() => {
        versions.reload()
        onChanged()
      }} />}
      {viewed !== undefined && <Viewer viewed={viewed} onClose={() => setViewed(undefined)} />}
    </Card>
  )
}

function Downloads({ id, billing }: { id: string; billing: boolean }) {
  const { t } = useWords()
  const { t: desk } = useDeskWords()
  const action = useAction()
  const file = (format: ExportFormat, word: string) => (
    <Button kind="quiet" icon={<SaveIcon />} busy={action.busy} onClick={() => void action.run(() => saveFile(exportPath(id, format)))}>
      {word}
    </Button>
  )
  return (
    <Card wide title={t.downloads}>
      <ProblemNotice problem={action.problem} />
      <div className="pro-row">
        {file('zip', t.downloadZip)}
        {file('fhir', t.downloadFhir)}
        {file('cda', t.downloadCda)}
        {billing && file('billing.pdf', t.sheetPdf)}
        {billing && file('billing.csv', t.sheetCsv)}
        {billing && !embedded() && <Button icon={<FileIcon />} kind="quiet" onClick={() => go(paths.sheet(id))}>{t.sheetOpen}</Button>}
      </div>
      <p className="field-hint">{desk.cdaHint}</p>
    </Card>
  )
}
