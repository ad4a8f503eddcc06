import { useState } from 'react'
import { useAction, useLoad } from '../api/useAction'
import { useAdminWords } from '../i18n/admin'
import { useWords } from '../i18n/pro'
import { dayTime } from '../pro/format'
import { CopyButton, ProblemNotice } from '../pro/parts'
import { Button } from '../ui/Button'
import { DownIcon, ShieldIcon } from '../ui/deskIcons'
import { Card } from '../ui/Card'
import { Chip, type Tone } from '../ui/Chip'
import { SelectField, TextField } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import { audit, type AuditRow, type Verdict } from './api'
import { usePages } from './usePages'

const TONES: Record<AuditRow['outcome'], Tone> = { ok: 'good', denied: 'warn', failed: 'bad' }

/** Midnight of a day as it is typed, where the administrator is; nothing for no day. */
const midnight = (day: string, plus = 0): string => {
  if (day === '') return ''
  const at = new Date(`${day}T00:00:00`)
  at.setDate(at.getDate() + plus)
  return at.toISOString()
}

/** The trail of what was done: ids only, chained so that no event can be changed unseen. */
export function Audit() {
  const { language, t } = useAdminWords()
  const { t: pro } = useWords()
  const [action, setAction] = useState('')
  const [from, setFrom] = useState('')
  const [to, setTo] = useState('')
  const actions = useLoad('actions', audit.actions)
  const pages = usePages(`${action} ${from} ${to}`, (cursor) => audit.list({ action, from: midnight(from), to: midnight(to, 1), ...(cursor === undefined ? {} : { cursor }) }))
  const families = [...new Set((actions.value ?? []).map((each) => `${each.split('.')[0] ?? ''}.`))]
  return (
    <div className="stack">
      <Verify />
      <Card wide title={t.auditTitle}>
        <div className="pro-grid">
          <SelectField label={t.auditAction} value={action} onChange={(event) => setAction(event.target.value)}>
            <option value="">{t.all}</option>
            {families.map((family) => (
              <optgroup key={family} label={family}>
                <option value={family}>{t.auditFamily(family)}</option>
                {actions.value?.filter((each) => each.startsWith(family)).map((each) => <option key={each} value={each}>{each}</option>)}
              </optgroup>
            ))}
          </SelectField>
          <TextField label={t.auditFrom} type="date" value={from} onChange={(event) => setFrom(event.target.value)} />
          <TextField label={t.auditTo} type="date" value={to} onChange={(event) => setTo(event.target.value)} />
        </div>
        <ProblemNotice problem={actions.problem ?? pages.problem} />
        {pages.items === undefined && pages.problem === undefined && <Spinner />}
        {pages.items?.length === 0 && pages.more === undefined && <p>{t.auditEmpty}</p>}
        {pages.items !== undefined && pages.items.length > 0 && (
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls sideways must be reachable with the keyboard
          <div className="table" tabIndex={0} role="region" aria-label={t.auditTitle}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{t.auditWhen}</th>
                  <th scope="col">{t.auditAction}</th>
                  <th scope="col">{t.auditOutcome}</th>
                  <th scope="col">{t.auditWho}</th>
                  <th scope="col">{t.auditObject}</th>
                </tr>
              </thead>
              <tbody>
                {pages.items.map((row) => (
                  <tr key={row.seq}>
                    <td>{dayTime(row.at, language)}</td>
                    <th scope="row"><code>{row.action}</code>{row.reason !== undefined && row.reason !== null && row.reason !== '' && <> <span className="field-hint">{row.reason}</span></>}</th>
                    <td><Chip tone={TONES[row.outcome]}>{t.outcomes[row.outcome]}</Chip></td>
                    <td>{row.withheld ? t.withheld : <>{t.actors[row.actor?.type ?? ''] ?? row.actor?.type} <code>{row.actor?.id}</code></>}</td>
                    <td>{row.withheld ? t.withheld : <code>{row.object}</code>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        {pages.more !== undefined && <Button icon={<DownIcon />} kind="quiet" onClick={pages.more}>{pro.more}</Button>}
      </Card>
    </div>
  )
}

function Verify() {
  const { t } = useAdminWords()
  const [verdict, setVerdict] = useState<Verdict>()
  const action = useAction()
  return (
    <Card wide title={t.verifyTitle}>
      <p>{t.verifyText}</p>
      <div className="row">
        <Button icon={<ShieldIcon />} busy={action.busy} onClick={() => void action.run(async () => setVerdict(await audit.verify()))}>{t.verify}</Button>
      </div>
      <ProblemNotice problem={action.problem} />
      {verdict?.whole === false && <Notice kind="bad">{t.broken(verdict.broken.kind, verdict.broken.seq === undefined || verdict.broken.seq === null ? undefined : String(verdict.broken.seq))}</Notice>}
      {verdict?.whole === true && (
        <>
          <Notice kind="good">{t.whole(String(verdict.events))}</Notice>
          {verdict.checkpoint !== undefined && verdict.checkpoint !== null && (
            <details className="pro-more">
              <summary>{t.checkpoint}</summary>
              <p>{t.checkpointText}</p>
              <pre className="pre">{JSON.stringify({ checkpoint: verdict.checkpoint, public_key: verdict.public_key }, null, 2)}</pre>
              <CopyButton text={JSON.stringify({ checkpoint: verdict.checkpoint, public_key: verdict.public_key }, null, 2)} label={t.checkpointCopy} />
            </details>
          )}
        </>
      )}
    </Card>
  )
}
