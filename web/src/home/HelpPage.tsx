import { useState } from 'react'
import { auth } from '../api/clinic'
import { ApiError, setCsrf } from '../api/client'
import { useAction, useLoad } from '../api/useAction'
import { useHomeWords } from '../i18n/home'
import { contact, send, type Sent } from '../support/api'
import { collect } from '../support/collect'
import { Button } from '../ui/Button'
import { Card } from '../ui/Card'
import { Notice } from '../ui/Notice'
import { PhoneIcon, SendIcon } from '../ui/icons'
import { Info } from './Info'

export function HelpPage() {
  const { t } = useHomeWords()
  const loaded = useLoad('contact', contact)
  const { phone, email, hours } = loaded.value ?? {}
  const nobody = loaded.value !== undefined && (phone ?? email ?? null) === null
  return (
    <Info title={t.helpTitle}>
      <Card wide title={t.contactTitle}>
        {loaded.problem !== undefined && <Notice kind="bad">{t.failed}</Notice>}
        {phone !== undefined && phone !== null && <p><a className="home-link" href={`tel:${phone}`}><PhoneIcon /> {phone}</a></p>}
        {email !== undefined && email !== null && <p><a href={`mailto:${email}`}>{email}</a></p>}
        {hours !== undefined && hours !== null && <p>{hours}</p>}
        {nobody && <p>{t.contactNobody}</p>}
        <p>{t.urgent}</p>
      </Card>
      <Diagnostic />
      <Card wide title={t.faqTitle}>
        {t.faq.map(({ question, answer }) => (
          <details key={question} className="faq">
            <summary>{question}</summary>
            <p>{answer}</p>
          </details>
        ))}
        <p><a href="/test">{t.test}</a></p>
      </Card>
      <Card wide title={t.browserTitle}>
        <p>{t.browserText}</p>
        <ul className="bullets">{t.browsers.map((each) => <li key={each}>{each}</li>)}</ul>
        <h3>{t.keepTitle}</h3>
        <ul className="bullets">{t.keep.map((each) => <li key={each}>{each}</li>)}</ul>
      </Card>
    </Info>
  )
}

/** What the device can do, without a name or a number, under a code to read out. */
function Diagnostic() {
  const { language, t } = useHomeWords()
  const [sent, setSent] = useState<Sent>()
  const [stranger, setStranger] = useState(false)
  const action = useAction()
  const start = (): void => void action.run(async () => {
    try {
      setCsrf((await auth.session()).csrf_token)
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error
      setStranger(true)
      return
    }
    setSent(await send(await collect()))
  })
  return (
    <Card wide title={t.diagnosticTitle}>
      <p>{t.diagnosticText}</p>
      {sent === undefined && !stranger && (
        <div className="row">
          <Button icon={<SendIcon />} busy={action.busy} onClick={start}>{t.diagnosticSend}</Button>
        </div>
      )}
      {stranger && <Notice>{t.diagnosticStranger} <a href="/connexion">{t.login}</a></Notice>}
      {action.problem !== undefined && <Notice kind="bad">{action.problem.message === '' ? t.failed : action.problem.message}</Notice>}
      {sent !== undefined && (
        <Notice kind="good">
          <p>{t.diagnosticSent}</p>
          <p className="code-spoken"><span className="unseen">{Array.from(sent.code).join(' ')}</span><span aria-hidden="true">{sent.code}</span></p>
          <p>{t.diagnosticUntil(new Intl.DateTimeFormat(language, { dateStyle: 'long' }).format(new Date(sent.expires_at)))}</p>
        </Notice>
      )}
    </Card>
  )
}
