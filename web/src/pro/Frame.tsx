import type { ReactNode } from 'react'
import { auth } from '../api/clinic'
import { useAction } from '../api/useAction'
import { useSession } from '../auth/session'
import { useWords } from '../i18n/pro'
import { Button } from '../ui/Button'
import { LogOutIcon } from '../ui/deskIcons'
import { Notice } from '../ui/Notice'
import { Page } from '../ui/Page'
import { ProblemNotice, To } from './parts'
import { embedded, go, paths } from './router'
import { useWaiting } from './waiting'

export function useLogout(): { busy: boolean; logout: () => void; notice: ReactNode } {
  const { setSession } = useSession()
  const action = useAction()
  const logout = (): void => {
    void action.run(async () => {
      const answer = await auth.logout()
      // A session of Pro Santé Connect ends there as well.
      if (answer?.continue_at !== undefined) location.assign(answer.continue_at)
      else {
        setSession(null)
        go(paths.login)
      }
    })
  }
  return { busy: action.busy, logout, notice: <ProblemNotice problem={action.problem} /> }
}

/** The frame of the pages behind the login: navigation, and who waits. */
export function Frame({ title, topic = title, screen, at, children }: { title: string; topic?: string; screen: string; at?: string; children: ReactNode }) {
  const { t } = useWords()
  const { session } = useSession()
  const { waiting } = useWaiting()
  const { busy, logout, notice } = useLogout()
  const elsewhere = waiting.filter((item) => at !== paths.consultation(item.id))
  return (
    <Page
      line={t.line}
      title={title}
      topic={topic}
      screen={screen}
      wide
      navigation={!embedded() &&
        <nav className="pro-nav" aria-label={t.nav}>
          <To path={paths.list} current={at === paths.list}>{t.navList}</To>
          {session?.roles.includes('org_admin') === true && <To path={paths.admin} current={at === paths.admin}>{t.navAdmin}</To>}
          {session?.roles.includes('support') === true && <To path={paths.support} current={at === paths.support}>{t.navSupport}</To>}
          <To path={paths.account} current={at === paths.account}>{t.navAccount}</To>
          <Button icon={<LogOutIcon />} kind="quiet" className="button-small" busy={busy} onClick={logout}>{t.logout}</Button>
        </nav>
      }
    >
      {notice}
      {elsewhere.map((item) => {
        const name = item.patient_name ?? item.phone ?? t.noName
        return (
          <Notice key={item.id} kind="warn">
            {t.waitingNow(name)} <To path={paths.consultation(item.id)}>{t.open}</To>
          </Notice>
        )
      })}
      {children}
    </Page>
  )
}
