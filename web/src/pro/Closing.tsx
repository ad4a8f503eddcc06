import { useState } from 'react'
import { me as api } from '../api/clinic'
import { useSession } from '../auth/session'
import { useLegalWords } from '../i18n/legal'
import { Button } from '../ui/Button'
import { Card } from '../ui/Card'
import { Dialog } from '../ui/Dialog'
import { CheckIcon, CloseIcon } from '../ui/icons'
import { useToast } from '../ui/Toasts'
import { OpenLeft } from './OpenLeft'
import { usePresentAction } from './Presence'
import { go, paths } from './router'

/** The end of one's own account. */
export function Closing() {
  const { t } = useLegalWords()
  const { setSession } = useSession()
  const tell = useToast()
  const [asked, setAsked] = useState(false)
  const action = usePresentAction()
  const close = (): void => void action.run(async () => {
    await api.close()
    tell(t.closed)
    setSession(null)
    go(paths.login)
  })
  return (
    <Card wide title={t.closeTitle}>
      <p>{t.closeText}</p>
      <Button icon={<CloseIcon />} kind="danger" onClick={() => {
        action.clear()
        setAsked(true)
      }}>{t.closeMine}</Button>
      {asked && (
        <Dialog title={t.closeAsk} onClose={() => setAsked(false)} actions={
          <>
            <Button icon={<CloseIcon />} kind="quiet" onClick={() => setAsked(false)}>{t.cancel}</Button>
            <Button icon={<CheckIcon />} kind="danger" busy={action.busy} onClick={close}>{t.close}</Button>
          </>
        }>
          <p>{t.closeNoWay}</p>
          <OpenLeft problem={action.problem} />
        </Dialog>
      )}
      {action.question}
    </Card>
  )
}
