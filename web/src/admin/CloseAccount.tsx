import { useState } from 'react'
import { useLegalWords } from '../i18n/legal'
import { OpenLeft } from '../pro/OpenLeft'
import { usePresentAction } from '../pro/Presence'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { CheckIcon, CloseIcon } from '../ui/icons'
import { nameOf, users, type User } from './api'

/** Closes and erases the account of somebody else. */
export function CloseAccount({ user, onClosed }: { user: User; onClosed: (user: User, said: string) => void }) {
  const { t } = useLegalWords()
  const [asked, setAsked] = useState(false)
  const action = usePresentAction()
  const name = nameOf(user)
  const close = (): void => void action.run(async () => {
    const closed = await users.close(user.id)
    setAsked(false)
    onClosed(closed, t.closedUser)
  })
  return (
    <>
      <Button icon={<CloseIcon />} kind="quiet" className="button-small" aria-label={t.closeUserOf(name)} onClick={() => {
        action.clear()
        setAsked(true)
      }}>{t.closeUser}</Button>
      {asked && (
        <Dialog title={t.closeUserAsk(name)} onClose={() => setAsked(false)} actions={
          <>
            <Button icon={<CloseIcon />} kind="quiet" onClick={() => setAsked(false)}>{t.cancel}</Button>
            <Button icon={<CheckIcon />} kind="danger" busy={action.busy} onClick={close}>{t.close}</Button>
          </>
        }>
          <p>{t.closeUserText}</p>
          <p>{t.closeNoWay}</p>
          <OpenLeft problem={action.problem} />
        </Dialog>
      )}
      {action.question}
    </>
  )
}
