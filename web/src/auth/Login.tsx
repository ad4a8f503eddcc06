import { useState, type SyntheticEvent } from 'react'
import { auth } from '../api/clinic'
import { leaveFor } from '../api/client'
import { useAction } from '../api/useAction'
import { useWords } from '../i18n/pro'
import { ProblemNotice, To } from '../pro/parts'
import { paths, rememberPlace, takeFragment } from '../pro/router'
import { Button } from '../ui/Button'
import { CardIcon } from '../ui/icons'
import { LogInIcon, ShieldIcon } from '../ui/deskIcons'
import { Card } from '../ui/Card'
import { TextField } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { Page } from '../ui/Page'
import { useSession } from './session'

const wordOfFragment = (): string | undefined => {
  if (!location.hash.startsWith('#probleme=')) return undefined
  return new URLSearchParams(takeFragment()).get('probleme') ?? undefined
}

export function Login({ done }: { done?: string }) {
  const { t } = useWords()
  const { setSession } = useSession()
  const [word] = useState(wordOfFragment)
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const byPassword = useAction()
  const elsewhere = useAction()
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault()
    void byPassword.run(async () => setSession(await auth.password(email.trim(), password)))
  }
  const leave = (way: 'psc' | 'cps'): void => {
    void elsewhere.run(async () => {
      rememberPlace()
      await leaveFor(`/api/v1/auth/${way}/start?purpose=login`)
    })
  }
  return (
    <Page line={t.line} title={t.loginTitle} screen="login">
      {done !== undefined && <Notice kind="good">{done}</Notice>}
      {word !== undefined && <Notice kind="bad">{t.problems[word] ?? t.problems['login-failed']}</Notice>}
      <Card>
        <div className="pro-stack">
          <Button icon={<ShieldIcon />} kind="quiet" busy={elsewhere.busy} onClick={() => leave('psc')}>{t.loginPsc}</Button>
          <Button icon={<CardIcon />} kind="quiet" busy={elsewhere.busy} onClick={() => leave('cps')}>{t.loginCps}</Button>
          <ProblemNotice problem={elsewhere.problem} />
        </div>
      </Card>
      <Card title={t.loginOr}>
        <form className="pro-stack" onSubmit={submit}>
          <TextField label={t.email} type="email" autoComplete="username" required value={email} onChange={(event) => setEmail(event.target.value)} />
          <TextField label={t.password} type="password" autoComplete="current-password" required value={password} onChange={(event) => setPassword(event.target.value)} />
          <ProblemNotice problem={byPassword.problem} />
          <Button icon={<LogInIcon />} type="submit" busy={byPassword.busy}>{t.login}</Button>
        </form>
        <p className="pro-row">
          <To path={paths.forgot}>{t.forgot}</To>
          <To path={paths.register}>{t.noAccount}</To>
        </p>
      </Card>
    </Page>
  )
}
