import { me as api } from '../api/clinic'
import { useAction, useLoad } from '../api/useAction'
import type { OpenSession } from '../api/types'
import { useMe } from '../auth/session'
import { useWords } from '../i18n/desk'
import { Button } from '../ui/Button'
import { CloseIcon } from '../ui/icons'
import { Card } from '../ui/Card'
import { Chip } from '../ui/Chip'
import { Spinner } from '../ui/Progress'
import { useToast } from '../ui/Toasts'
import { dayTime } from './format'
import { ProblemNotice } from './parts'

const named = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** Where one is logged in. */
export function Sessions() {
  const { language, t } = useWords()
  const { me } = useMe()
  const tell = useToast()
  const loaded = useLoad('sessions', api.sessions)
  const action = useAction()
  const items = loaded.value?.items
  const doing = (work: () => Promise<unknown>): void => {
    void action.run(async () => {
      await work()
      tell(t.sessionsEnded)
      loaded.reload()
    })
  }
  const nameOf = ({ browser, os }: OpenSession): string => {
    const parts = [browser, os].filter((part) => part !== undefined && part !== null && part !== '').map((part) => named(part ?? ''))
    return parts.length === 0 ? t.sessionUnknown : parts.join(', ')
  }
  return (
    <Card wide title={t.sessions}>
      <p>{t.sessionsText}</p>
      <ProblemNotice problem={loaded.problem ?? action.problem} />
      {items === undefined && loaded.problem === undefined && <Spinner />}
      <ul className="doc-list">
        {items?.map((session) => (
          <li key={session.id} className="doc pro-row">
            <span>
              <strong>{nameOf(session)}</strong>, {t.sessionMethods[session.method] ?? session.method}, {t.sessionSeen(dayTime(session.seen_at, language, me.time_zone))}
            </span>
            {session.current ? <Chip tone="good">{t.sessionHere}</Chip> : (
              <Button icon={<CloseIcon />} kind="quiet" className="button-small" aria-label={t.sessionEndOf(nameOf(session))} busy={action.busy} onClick={() => doing(() => api.endSession(session.id))}>{t.sessionEnd}</Button>
            )}
          </li>
        ))}
      </ul>
      {(items?.length ?? 0) > 1 && <Button icon={<CloseIcon />} kind="quiet" busy={action.busy} onClick={() => doing(api.endOtherSessions)}>{t.sessionsEnd}</Button>}
    </Card>
  )
}
