import { useState } from 'react'
import { billingSheet, exportPath, form, type ExportFormat } from '../api/clinic'
import { useAction, useLoad } from '../api/useAction'
import type { Consultation, Sheet } from '../api/types'
import { useWords } from '../i18n/pro'
import { Button } from '../ui/Button'
import { Card } from '../ui/Card'
import { Notice } from '../ui/Notice'
import { SaveIcon } from '../ui/icons'
import { Addendum, FormPanel } from './FormPanel'
import { dayOf, dayTime, lasting } from './format'
import { CopyButton, ProblemNotice, saveFile } from './parts'

/** After the call: the form, the report in its versions, what can be taken away. */
export function AfterCall({ consultation, onChanged }: { consultation: Consultation; onChanged: () => void }) {
  const { language, t } = useWords()
  const { id, capabilities: can } = consultation
  const dossier = consultation.kind === 'dossier'
  return (
    <>
      <p>{t.videoTime(lasting(consultation.video_seconds))}</p>
      {consultation.retention_until !== undefined && consultation.retention_until !== null && dossier && <Notice>{t.retention(dayOf(consultation.retention_until, language))}</Notice>}
      {dossier && (
        <Card wide title={t.panelForm}>
          <FormPanel id={id} mayValidate={consultation.status === 'ended'} onValidated={onChanged} />
        </Card>
      )}
      {consultation.status === 'validated' && <Versions key={consultation.status} id={id} onChanged={onChanged} />}
      {can.includes('export') && <Downloads id={id} billing={can.includes('billing_sheet')} />}
    </>
  )
}

function Versions({ id, onChanged }: { id: string; onChanged: () => void }) {
  const { language, t } = useWords()
  const versions = useLoad(`versions ${id}`, () => form.versions(id))
  const action = useAction()
  return (
    <Card wide title={t.reportTitle}>
      <ProblemNotice problem={versions.problem ?? action.problem} />
      <ul className="pro-stack">
        {versions.value?.map((report) => (
          <li key={report.id} className="pro-row">
            <span>{t.reportVersion(report.version, dayTime(report.created_at, language))}</span>
            <Button kind="quiet" icon={<SaveIcon />} busy={action.busy} onClick={() => void action.run(() => saveFile(form.reportPath(id, report.version)))}>
              {t.downloadVersion(report.version)}
            </Button>
          </li>
        ))}
      </ul>
      <Addendum id={id} onDone={() => {
        versions.reload()
        onChanged()
      }} />
    </Card>
  )
}

function Downloads({ id, billing }: { id: string; billing: boolean }) {
  const { t } = useWords()
  const action = useAction()
  const [sheet, setSheet] = useState<Sheet>()
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
        {billing && sheet === undefined && (
          <Button kind="quiet" busy={action.busy} onClick={() => void action.run(async () => setSheet(await billingSheet(id)))}>{t.sheetOpen}</Button>
        )}
      </div>
      {sheet !== undefined && <ShownSheet sheet={sheet} />}
    </Card>
  )
}

/** Each value with its button: it is typed into another program. */
function ShownSheet({ sheet }: { sheet: Sheet }) {
  const { t } = useWords()
  return (
    <div className="pro-stack">
      <h3>{t.sheetTitle}</h3>
      <Notice>{sheet.notice}</Notice>
      {sheet.groups.map((group) => (
        <section key={group.id}>
          <h4>{group.label}</h4>
          <dl className="pro-sheet">
            {group.lines.map((line) => (
              <div key={line.id}>
                <dt>{line.label}</dt>
                <dd>
                  {line.value} {line.value !== '' && <CopyButton text={line.value} label={t.copyValue(line.label)} />}
                </dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      <ul>
        {sheet.acts.map((act) => (
          <li key={act.code} className="pro-row">
            {[act.code, ...act.qualifiers].join(' + ')} {act.label} <CopyButton text={act.code} label={t.copyValue(act.code)} />
          </li>
        ))}
      </ul>
      <ol>{sheet.help.map((line) => <li key={line}>{line}</li>)}</ol>
    </div>
  )
}
