import { useState, type SyntheticEvent } from 'react'
import { auth } from '../api/clinic'
import { useAction } from '../api/useAction'
import { useWords } from '../i18n/pro'
import { ProblemNotice, To, useFieldError } from '../pro/parts'
import { paths, takeFragment } from '../pro/router'
import { Button } from '../ui/Button'
import { CheckIcon, SendIcon } from '../ui/icons'
import { Card } from '../ui/Card'
import { TextField } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { Page } from '../ui/Page'
import { Login } from './Login'

export function Forgot() {
  const { t } = useWords()
  const [email, setEmail] = useState('')
  const [sent, setSent] = useState(false)
  const action = useAction()
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault()
    void action.run(async () => {
      await auth.forgot(email.trim())
      setSent(true)
    })
  }
  return (
    <Page line={t.line} title={t.forgotTitle} screen="forgot">
      <Card>
        {sent ? (
          <Notice kind="good">{t.forgotSent}</Notice>
        ) : (
          <form className="pro-stack" onSubmit={submit}>
            <p>{t.forgotText}</p>
            <TextField label={t.email} type="email" autoComplete="username" required value={email} onChange={(event) => setEmail(event.target.value)} />
            <ProblemNotice problem={action.problem} />
            <Button icon={<SendIcon />} type="submit" busy={action.busy}>{t.forgotSend}</Button>
          </form>
        )}
        <To path={paths.login}>{t.back}</To>
      </Card>
    </Page>
  )
}

/** `/connexion/mot-de-passe#<secret>`. */
export function NewPassword() {
  const { t } = useWords()
  const [token] = useState(takeFragment)
  const [password, setPassword] = useState('')
  const [changed, setChanged] = useState(false)
  const action = useAction()
  const fieldError = useFieldError(action.problem)
  if (changed) return <Login done={t.newPasswordDone} />
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault()
    void action.run(async () => {
      await auth.reset(token, password)
      history.replaceState(null, '', paths.login)
      setChanged(true)
    })
  }
  return (
    <Page line={t.line} title={t.newPasswordTitle} screen="new-password">
      <Card>
        {token === '' ? (
          <Notice kind="warn">{t.linkMissing}</Notice>
        ) : (
          <form className="pro-stack" onSubmit={submit}>
            <TextField label={t.newPassword} hint={t.passwordHint} error={fieldError('/password')} type="password" autoComplete="new-password" required value={password} onChange={(event) => setPassword(event.target.value)} />
            {action.problem?.status === 404 ? <Notice kind="bad">{t.linkDead}</Notice> : <ProblemNotice problem={action.problem} />}
            <Button icon={<CheckIcon />} type="submit" busy={action.busy}>{t.save}</Button>
          </form>
        )}
        <To path={paths.forgot}>{t.forgot}</To>
      </Card>
    </Page>
  )
}

/** `/inscription/confirmer#<secret>`. A press confirms, not the visit: scanners of mail open links too. */
export function ConfirmAddress() {
  const { t } = useWords()
  const [token] = useState(takeFragment)
  const [status, setStatus] = useState<string>()
  const action = useAction()
  return (
    <Page line={t.line} title={t.confirmTitle} screen="confirm">
      <Card>
        {token === '' && <Notice kind="warn">{t.linkMissing}</Notice>}
        {token !== '' && status === undefined && (
          <Button icon={<CheckIcon />} busy={action.busy} onClick={() => void action.run(async () => setStatus((await auth.confirmAddress(token)).status))}>
            {t.confirmButton}
          </Button>
        )}
        {action.problem?.status === 404 ? <Notice kind="bad">{t.linkDead}</Notice> : <ProblemNotice problem={action.problem} />}
        {status !== undefined && (
          <Notice kind="good">
            {status === 'active' ? t.confirmedActive : status === 'pending_approval' ? t.confirmedPending : t.confirmedOther}
          </Notice>
        )}
        <To path={paths.login}>{t.login}</To>
      </Card>
    </Page>
  )
}
