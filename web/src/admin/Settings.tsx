import { useState, type SyntheticEvent } from 'react'
import type { Versioned } from '../api/client'
import { useAction, useLoad } from '../api/useAction'
import { useAdminWords } from '../i18n/admin'
import { useWords } from '../i18n/pro'
import { blank } from '../pro/format'
import { ProblemNotice, useFieldError } from '../pro/parts'
import { Button } from '../ui/Button'
import { CheckIcon, RetryIcon } from '../ui/icons'
import { Card } from '../ui/Card'
import { CheckField, SelectField, TextField } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import { useToast } from '../ui/Toasts'
import { MINUTES, settings, type Defaults, type Minutes, type Settings as Values, type SettingsChange } from './api'
import { LegalFields, legalOf, typedOf } from './LegalFields'
import { changed, daysOf, wholeOf } from './settingsForm'

export function Settings() {
  const loaded = useLoad('settings', settings.get)
  if (loaded.value === undefined) return loaded.problem === undefined ? <Spinner /> : <ProblemNotice problem={loaded.problem} />
  return <Form key={loaded.value.etag} first={loaded.value} onSaved={loaded.reload} />
}

function Form({ first: { value, etag }, onSaved }: { first: Versioned<Values>; onSaved: () => void }) {
  const { t } = useAdminWords()
  const { t: pro } = useWords()
  const tell = useToast()
  const [contact, setContact] = useState({ phone: value.contact.phone ?? '', email: value.contact.email ?? '', hours: value.contact.hours ?? '' })
  const [days, setDays] = useState<Record<string, string>>(() => Object.fromEntries(value.retention.map((row) => [row.kept, daysOf(row.hours)])))
  const [minutes, setMinutes] = useState<Record<Minutes, string>>(() => {
    const { slot_minutes, early_minutes, late_minutes, immediate_minutes } = value.defaults
    return { slot_minutes: String(slot_minutes), early_minutes: String(early_minutes), late_minutes: String(late_minutes), immediate_minutes: String(immediate_minutes) }
  })
  const [check, setCheck] = useState(value.defaults.identity_check)
  const [extend, setExtend] = useState(value.support_may_extend)
  const [legal, setLegal] = useState(() => typedOf(value.legal))
  const action = useAction()
  const error = useFieldError(action.problem)

  const save = (event: SyntheticEvent): void => {
    event.preventDefault()
    const change: SettingsChange = {
      contact: { phone: blank(contact.phone) ?? null, email: blank(contact.email) ?? null, hours: blank(contact.hours) ?? null },
      retention: changed(value.retention, days),
      defaults: { ...Object.fromEntries(MINUTES.map((each) => [each, wholeOf(minutes[each])])), identity_check: check },
      support_may_extend: extend,
      legal: legalOf(legal),
    }
    void action.run(async () => {
      await settings.change(change, etag)
      tell(pro.saved)
      onSaved()
    })
  }
  const conflict = action.problem?.code === 'version-conflict'
  return (
    <form className="stack" onSubmit={save} noValidate>
      <Card wide title={t.contactTitle}>
        <p>{t.contactText}</p>
        <div className="pro-grid">
          <TextField label={t.contactPhone} optional type="tel" error={error('/contact/phone')} value={contact.phone} onChange={(event) => setContact({ ...contact, phone: event.target.value })} />
          <TextField label={t.contactEmail} optional type="email" error={error('/contact/email')} value={contact.email} onChange={(event) => setContact({ ...contact, email: event.target.value })} />
          <TextField label={t.contactHours} optional maxLength={200} hint={t.contactHoursHint} error={error('/contact/hours')} value={contact.hours} onChange={(event) => setContact({ ...contact, hours: event.target.value })} />
        </div>
        <CheckField label={t.supportExtend} hint={t.supportExtendHint} checked={extend} onChange={(event) => setExtend(event.target.checked)} />
      </Card>
      <LegalFields typed={legal} onChange={setLegal} error={error} />
      <Card wide title={t.defaultsTitle}>
        <p>{t.defaultsText}</p>
        <div className="pro-grid">
          {MINUTES.map((each) => (
            <TextField
              key={each}
              label={t.minutes[each]}
              type="number"
              inputMode="numeric"
              min={value.bounds[each].min}
              max={value.bounds[each].max}
              hint={t.between(String(value.bounds[each].min), String(value.bounds[each].max))}
              error={error(`/defaults/${each}`)}
              value={minutes[each]}
              onChange={(event) => setMinutes({ ...minutes, [each]: event.target.value })}
            />
          ))}
          <SelectField label={pro.identityCheck} error={error('/defaults/identity_check')} value={check} onChange={(event) => setCheck(event.target.value as Defaults['identity_check'])}>
            {(['none', 'first_letters', 'birth_date', 'code'] as const).map((each) => <option key={each} value={each}>{pro.identityChecks[each]}</option>)}
          </SelectField>
        </div>
      </Card>
      <Card wide title={t.retentionTitle}>
        <p>{t.retentionText}</p>
        <div className="pro-grid">
          {value.retention.map((row) =>
            row.settable ? (
              <TextField
                key={row.kept}
                label={t.kept[row.kept] ?? row.kept}
                type="number"
                inputMode="decimal"
                step="any"
                min={daysOf(row.min_h)}
                max={daysOf(row.max_h)}
                hint={t.daysBetween(daysOf(row.min_h), daysOf(row.max_h))}
                error={error(`/retention/${row.kept}`)}
                value={days[row.kept] ?? ''}
                onChange={(event) => setDays({ ...days, [row.kept]: event.target.value })}
              />
            ) : (
              <div key={row.kept} className="field">
                <p className="field-name">{t.kept[row.kept] ?? row.kept}</p>
                <p>{t.daysFixed(daysOf(row.hours))}</p>
              </div>
            ),
          )}
        </div>
      </Card>
      <Card wide title={t.fileTitle}>
        <dl className="facts">
          <dt>{t.organisation}</dt>
          <dd>{value.organisation}</dd>
          <dt>{t.approval}</dt>
          <dd>{t.approvals[value.approval]}</dd>
        </dl>
        <p className="field-hint">{t.fileText}</p>
      </Card>
      {conflict ? (
        <Notice kind="warn">
          {t.settingsConflict} <Button icon={<RetryIcon />} kind="quiet" onClick={onSaved}>{t.reloadSettings}</Button>
        </Notice>
      ) : (
        <ProblemNotice problem={action.problem} />
      )}
      <div className="row">
        <Button icon={<CheckIcon />} type="submit" busy={action.busy}>{pro.save}</Button>
      </div>
    </form>
  )
}

