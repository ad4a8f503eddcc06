import { useState, type SyntheticEvent } from 'react'
import { consultations } from '../api/clinic'
import { newKey } from '../api/client'
import { eventsOf, useHints } from '../api/hints'
import { useAction, useLoad } from '../api/useAction'
import { useWords } from '../i18n/pro'
import { Button } from '../ui/Button'
import { LogInIcon } from '../ui/deskIcons'
import { CloseIcon, SendIcon } from '../ui/icons'
import { Dialog } from '../ui/Dialog'
import { TextField } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { Invitations } from './Invitations'
import { phoneAsTyped } from './format'
import { ProblemNotice, problemText, useFieldError } from './parts'
import { go, paths } from './router'

/** A number, a message, four lights. */
export function Immediate({ onClose }: { onClose: () => void }) {
  const { t } = useWords()
  const [phone, setPhone] = useState('')
  const [made, setMade] = useState<string>()
  // One wish, one consultation, however often it is sent.
  const [key, setKey] = useState(newKey)
  const action = useAction()
  const fieldError = useFieldError(action.problem)
  const refused = fieldError('/phone')
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault()
    void action.run(async () => setMade((await consultations.create({ kind: 'immediate', phone }, key)).id))
  }
  return (
    <Dialog
      title={t.immediateTitle}
      onClose={onClose}
      actions={
        <>
          <Button icon={<CloseIcon />} kind="quiet" onClick={onClose}>{made === undefined ? t.cancel : t.close}</Button>
          {made !== undefined && <Button icon={<LogInIcon />} onClick={() => go(paths.consultation(made))}>{t.immediateGo}</Button>}
        </>
      }
    >
      {made === undefined ? (
        <form className="pro-stack" onSubmit={submit}>
          <p>{t.immediateAsk}</p>
          <Notice>{t.immediateLimits}</Notice>
          <TextField label={t.immediatePhone} type="tel" inputMode="tel" autoComplete="off" required value={phone} error={refused !== undefined && action.problem !== undefined ? problemText(action.problem, t) : undefined} onChange={(event) => {
            setPhone(phoneAsTyped(event.target.value))
            setKey(newKey())
          }} />
          {refused === undefined && <ProblemNotice problem={action.problem} />}
          <Button icon={<SendIcon />} type="submit" busy={action.busy}>{t.immediateSend}</Button>
        </form>
      ) : (
        <Sent id={made} />
      )}
    </Dialog>
  )
}

function Sent({ id }: { id: string }) {
  const loaded = useLoad(id, () => consultations.get(id))
  useHints(eventsOf(id), loaded.reload)
  return (
    <>
      <ProblemNotice problem={loaded.problem} />
      {loaded.value !== undefined && <Invitations consultation={loaded.value.value} onChanged={loaded.reload} />}
    </>
  )
}
