import { useState, type ReactNode } from 'react'
import { auth } from '../api/clinic'
import { ApiError, leaveFor } from '../api/client'
import { useAction, type Action } from '../api/useAction'
import { useSession } from '../auth/session'
import { CodeField } from '../auth/SecondFactor'
import { useWords } from '../i18n/pro'
import { Button } from '../ui/Button'
import { LogInIcon } from '../ui/deskIcons'
import { CheckIcon, CloseIcon } from '../ui/icons'
import { Dialog } from '../ui/Dialog'
import { SelectField, TextField } from '../ui/Field'
import { ProblemNotice } from './parts'
import { embedded, rememberPlace } from './router'

/** An action whose work the server does only for somebody who just proved to be there: asks for that and does it again. */
export function usePresentAction(): Action & { question: ReactNode } {
  const action = useAction()
  const [again, setAgain] = useState<() => void>()
  const run = async (work: () => Promise<unknown>): Promise<boolean> => {
    let asked = false
    const ran = await action.run(async () => {
      try {
        await work()
      } catch (failure) {
        if (!(failure instanceof ApiError && failure.code === 'reauthentication-required')) throw failure
        asked = true
        setAgain(() => () => void run(work))
      }
    })
    return ran && !asked
  }
  const question = again !== undefined && <PresenceDialog onClose={() => setAgain(undefined)} onPresent={() => {
    setAgain(undefined)
    again()
  }} />
  return { ...action, run, question }
}

/** Proves that the professional is there, by password, code or Pro Santé Connect. Good for ten minutes. */
export function PresenceDialog({ onClose, onPresent }: { onClose: () => void; onPresent: () => void }) {
  const { t } = useWords()
  const { setSession } = useSession()
  const [way, setWay] = useState<'password' | 'code'>('password')
  const [given, setGiven] = useState('')
  const action = useAction()
  const confirm = (): void => {
    void action.run(async () => {
      setSession(await auth.reauthenticate(way === 'code' ? { code: given.replace(/\s/g, '') } : { password: given }))
    }).then((worked) => {
      if (worked) onPresent()
    })
  }
  return (
    <Dialog title={t.presenceTitle} onClose={onClose} actions={
      <>
        <Button icon={<CloseIcon />} kind="quiet" onClick={onClose}>{t.cancel}</Button>
        <Button icon={<CheckIcon />} busy={action.busy} onClick={confirm}>{t.confirm}</Button>
      </>
    }>
      <form className="pro-stack" onSubmit={(event) => {
        event.preventDefault()
        confirm()
      }}>
        <p>{t.presenceText}</p>
        <SelectField label={t.presenceWith} value={way} onChange={(event) => {
          setWay(event.target.value as 'password' | 'code')
          setGiven('')
        }}>
          <option value="password">{t.password}</option>
          <option value="code">{t.mfaCode}</option>
        </SelectField>
        {way === 'code' ? <CodeField value={given} onChange={setGiven} /> : <TextField label={t.password} type="password" autoComplete="current-password" required value={given} onChange={(event) => setGiven(event.target.value)} />}
        <ProblemNotice problem={action.problem} />
        {!embedded() && <Button icon={<LogInIcon />} kind="quiet" onClick={() => void action.run(async () => {
          rememberPlace()
          await leaveFor('/api/v1/auth/psc/start?purpose=presence')
        })}>
          {t.presencePsc}
        </Button>}
      </form>
    </Dialog>
  )
}
