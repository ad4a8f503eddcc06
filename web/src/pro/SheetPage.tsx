import { billingSheet, consultations, exportPath, type ExportFormat } from '../api/clinic'
import { useAction, useLoad } from '../api/useAction'
import type { Sheet } from '../api/types'
import { useWords as useDeskWords } from '../i18n/desk'
import { useWords } from '../i18n/pro'
import { Button } from '../ui/Button'
import { Card } from '../ui/Card'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import { SaveIcon } from '../ui/icons'
import { Frame } from './Frame'
import { whoOf } from './format'
import { CopyButton, ProblemNotice, saveFile, To } from './parts'
import { euros } from './payment/money'
import { paths } from './router'

/** The billing sheet: each value with its button, because it is typed into another program. */
export function SheetPage({ id }: { id: string }) {
  const { t } = useWords()
  const { t: desk } = useDeskWords()
  const found = useLoad(id, () => consultations.get(id))
  const sheet = useLoad(`sheet ${id}`, () => billingSheet(id))
  const action = useAction()
  const consultation = found.value?.value
  const title = consultation === undefined ? t.sheetTitle : desk.sheetPage(whoOf(consultation) ?? t.noName)
  const file = (format: ExportFormat, word: string) => (
    <Button kind="quiet" icon={<SaveIcon />} busy={action.busy} onClick={() => void action.run(() => saveFile(exportPath(id, format)))}>
      {word}
    </Button>
  )
  return (
    <Frame title={title} topic={t.sheetTitle} screen={`sheet ${id}`}>
      <To path={paths.consultation(id)}>{desk.sheetBack}</To>
      <ProblemNotice problem={sheet.problem ?? action.problem} />
      {sheet.value === undefined ? sheet.problem === undefined && <Spinner /> : (
        <>
          <Notice>{sheet.value.notice}</Notice>
          <div className="pro-row">
            {file('billing.pdf', t.sheetPdf)}
            {file('billing.csv', t.sheetCsv)}
            {file('billing.json', desk.sheetJson)}
          </div>
          <Groups sheet={sheet.value} />
        </>
      )}
    </Frame>
  )
}

function Groups({ sheet }: { sheet: Sheet }) {
  const { language, t } = useWords()
  const { t: desk } = useDeskWords()
  return (
    <>
      {sheet.groups.map((group) => (
        <Card key={group.id} wide title={group.label.replace(/^\d+\. /, '')}>
          <dl className="pro-sheet">
            {group.lines.map((line) => (
              <div key={line.id}>
                <dt>{line.label}</dt>
                <dd>
                  {line.value === '' ? <em>{desk.sheetEmpty}</em> : <span>{line.value}</span>}
                  {line.value !== '' && <CopyButton text={line.value} label={t.copyValue(line.label)} />}
                </dd>
              </div>
            ))}
          </dl>
        </Card>
      ))}
      {sheet.acts.length > 0 && (
        <Card wide title={desk.sheetActs}>
          <ul className="pro-stack">
            {sheet.acts.map(({ code, qualifiers, label, amount_cents: cents }) => (
              <li key={code} className="pro-row">
                <span>
                  <strong>{[code, ...qualifiers].join(' + ')}</strong> {label}
                  {cents !== undefined && cents !== null && `, ${desk.amountOf(euros(cents, language))}`}
                </span>
                <CopyButton text={code} label={t.copyValue(code)} />
              </li>
            ))}
          </ul>
        </Card>
      )}
      <Card wide title={desk.sheetHelp}>
        <ol>{sheet.help.map((line) => <li key={line}>{line}</li>)}</ol>
      </Card>
    </>
  )
}
