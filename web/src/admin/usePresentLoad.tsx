import { useState, type ReactNode } from 'react'
import { useLoad, type Loaded } from '../api/useAction'
import { useAdminWords } from '../i18n/admin'
import { PresenceDialog } from '../pro/Presence'
import { Button } from '../ui/Button'
import { CheckIcon } from '../ui/icons'
import { Notice } from '../ui/Notice'

/** Something that the server shows only to somebody who just proved to be there. `question` asks for that. */
export function usePresentLoad<T>(key: string, load: () => Promise<T>): Loaded<T> & { question: ReactNode } {
  const { t } = useAdminWords()
  const loaded = useLoad(key, load)
  const [asking, setAsking] = useState(false)
  const needed = loaded.problem?.code === 'reauthentication-required'
  const question = needed && (
    <>
      <Notice>{t.presenceNeeded}</Notice>
      <div className="row">
        <Button icon={<CheckIcon />} onClick={() => setAsking(true)}>{t.presenceConfirm}</Button>
      </div>
      {asking && <PresenceDialog onClose={() => setAsking(false)} onPresent={() => {
        setAsking(false)
        loaded.reload()
      }} />}
    </>
  )
  return { ...loaded, problem: needed ? undefined : loaded.problem, question }
}
