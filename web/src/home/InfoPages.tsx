import { useState } from 'react'
import { request } from '../api/client'
import { useLoad } from '../api/useAction'
import { useHomeWords } from '../i18n/home'
import { contact } from '../support/api'
import { Card } from '../ui/Card'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import { HelpPage } from './HelpPage'
import { Info } from './Info'
import { AccessibilityPart, LegalNotice, PrivacyParts } from './Responsible'
import './home.css'

/** `/aide`, `/accessibilite`, `/confidentialite`, `/mentions-legales`: for everybody, logged in or not. */
export default function InfoPages() {
  const [path] = useState(() => location.pathname.replace(/\/+$/, ''))
  if (path === '/accessibilite') return <Accessibility />
  if (path === '/mentions-legales') return <LegalNotice />
  return path === '/confidentialite' ? <Privacy /> : <HelpPage />
}

function Accessibility() {
  const { t } = useHomeWords()
  const loaded = useLoad('contact', contact)
  return (
    <Info title={t.accessibilityTitle}>
      <Notice kind="warn">{t.accessibilityStatus}</Notice>
      <Card wide title={t.doneTitle}>
        <ul className="bullets">{t.done.map((each) => <li key={each}>{each}</li>)}</ul>
      </Card>
      <Card wide title={t.missingTitle}>
        <ul className="bullets">{t.missing.map((each) => <li key={each}>{each}</li>)}</ul>
      </Card>
      <Card wide title={t.reportTitle}>
        <p>{t.reportText}</p>
        {loaded.value?.email !== undefined && loaded.value.email !== null && <p><a href={`mailto:${loaded.value.email}`}>{loaded.value.email}</a></p>}
        {loaded.value?.phone !== undefined && loaded.value.phone !== null && <p><a href={`tel:${loaded.value.phone}`}>{loaded.value.phone}</a></p>}
        <p>{t.recourse}</p>
      </Card>
      <AccessibilityPart />
    </Info>
  )
}

interface Rule {
  kept: string
  hours?: number
  default_h: number
}

function Privacy() {
  const { language, t } = useHomeWords()
  const rules = useLoad('retention', () => request<Rule[]>('/api/v1/retention'))
  const who = useLoad('contact', contact)
  const lasting = (hours: number): string => {
    const number = (value: number): string => new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(value)
    if (hours === 0) return t.atOnce
    if (hours < 48) return t.hours(number(hours))
    return hours % (365 * 24) === 0 ? t.years(hours / (365 * 24)) : t.days(number(hours / 24))
  }
  return (
    <Info title={t.privacyTitle}>
      {who.value !== undefined && <p>{t.privacyBy(who.value.organisation)}</p>}
      <Card wide title={t.purposeTitle}>
        <ul className="bullets">{t.purposes.map((each) => <li key={each}>{each}</li>)}</ul>
      </Card>
      <Card wide title={t.keptTitle}>
        <p>{t.keptText}</p>
        {rules.problem !== undefined && <Notice kind="bad">{t.failed}</Notice>}
        {rules.value === undefined && rules.problem === undefined && <Spinner />}
        {rules.value !== undefined && (
          <dl className="times">
            {rules.value.map((rule) => (
              <div key={rule.kept}>
                <dt>{t.kept[rule.kept] ?? rule.kept}</dt>
                <dd>{lasting(rule.hours ?? rule.default_h)}</dd>
              </div>
            ))}
          </dl>
        )}
      </Card>
      <Card wide title={t.rightsTitle}>
        <p>{t.rightsText}</p>
        <p>{t.cookies}</p>
      </Card>
      <PrivacyParts />
    </Info>
  )
}
