import { lazy, Suspense, useCallback, useEffect, useMemo, useState, type ReactNode } from 'react'
import { auth, me as meApi } from '../api/clinic'
import { ApiError, onLoggedOut, setCsrf } from '../api/client'
import { asApiError, useAction, useLoad } from '../api/useAction'
import type { Session } from '../api/types'
import { Identity } from '../auth/Identity'
import { Login } from '../auth/Login'
import { ConfirmAddress, Forgot, NewPassword } from '../auth/Mailed'
import { Register, TELECONSULTATION } from '../auth/Register'
import { EnrolPage, SecondFactor } from '../auth/SecondFactor'
import { MeContext, SessionContext, useMe } from '../auth/session'
import { useWords } from '../i18n/pro'
import { Button } from '../ui/Button'
import { PlusIcon } from '../ui/deskIcons'
import { ArrowIcon, RetryIcon } from '../ui/icons'
import { Card } from '../ui/Card'
import { Page } from '../ui/Page'
import { PageSpinner } from '../ui/Progress'
import { Toasts } from '../ui/Toasts'
import { Account } from './Account'
import { Appointment } from './Appointment'
import { ConsultationPage } from './ConsultationPage'
import { Frame } from './Frame'
import { List } from './List'
import { ProblemNotice, To } from './parts'
import { consultationOf, go, paths, sheetOf, usePath } from './router'
import { SheetPage } from './SheetPage'
import { Waiting } from './waiting'
import './pro.css'

// Few have these roles: nobody else fetches the pages for them.
const Admin = lazy(() => import('../admin/Admin'))
const Support = lazy(() => import('../support/Console'))

/** The professional's pages: `/connexion`, `/inscription`, `/mes-teleconsultations`, `/admin`, `/support`, `/compte`. */
export default function ProApp() {
  const [session, keepSession] = useState<Session | null | undefined>(undefined)
  const [problem, setProblem] = useState<ApiError>()
  const setSession = useCallback((next: Session | null) => {
    setCsrf(next?.csrf_token)
    keepSession(next)
  }, [])
  const look = useCallback(() => {
    auth.session().then(
      (found) => {
        setProblem(undefined)
        setSession(found)
      },
      (error: unknown) => {
      const refused = asApiError(error)
        if (refused.status === 401) {
          setProblem(undefined)
          setSession(null)
        } else setProblem(refused)
      },
    )
  }, [setSession])
  useEffect(look, [look])
  useEffect(() => onLoggedOut(() => setSession(null)), [setSession])
  const value = useMemo(() => ({ session: session ?? null, setSession }), [session, setSession])
  if (problem !== undefined) return <Failed problem={problem} onRetry={look} />
  if (session === undefined) return <PageSpinner />
  return (
    <SessionContext value={value}>
      <Toasts>
        <Way session={session} />
      </Toasts>
    </SessionContext>
  )
}

function Failed({ problem, onRetry }: { problem: ApiError; onRetry: () => void }) {
  const { t } = useWords()
  return (
    <Page line={t.line} title={t.navList}>
      <ProblemNotice problem={problem} />
      <Button icon={<RetryIcon />} onClick={onRetry}>{t.retry}</Button>
    </Page>
  )
}

/** What needs no session first; then what is left to do of the login; then the pages. */
function Way({ session }: { session: Session | null }) {
  const path = usePath()
  switch (path) {
    case '/inscription':
      return <Register />
    case '/inscription/confirmer':
      return <ConfirmAddress />
    case '/connexion/mot-de-passe':
      return <NewPassword />
    case '/connexion/identite':
      return <Identity />
    case paths.forgot:
      return <Forgot />
    default:
  }
  if (session === null) return <Login />
  if (session.next === 'second_factor') return <SecondFactor />
  if (session.next === 'enrol_second_factor') return <EnrolPage />
  return <SignedIn path={path} session={session} />
}

function SignedIn({ path, session }: { path: string; session: Session }) {
  const loaded = useLoad(`me ${session.account_id}`, () => meApi.get())
  const toolOpen = loaded.value?.value.tool_open
  useEffect(() => {
    // Who came for another work than consultations begins there.
    const { roles } = session
    const elsewhere = roles.includes('org_admin') ? paths.admin : roles.includes('support') ? paths.support : paths.list
    if (path === paths.login && toolOpen !== undefined) go(toolOpen ? paths.list : elsewhere, true)
  }, [path, session, toolOpen])
  const own = useMemo(
    () => (loaded.value === undefined ? undefined : { me: loaded.value.value, reload: loaded.reload }),
    [loaded.value, loaded.reload],
  )
  if (loaded.problem !== undefined && own === undefined) return <Failed problem={loaded.problem} onRetry={loaded.reload} />
  if (own === undefined) return <PageSpinner />
  return (
    <MeContext value={own}>
      <Waiting enabled={own.me.tool_open}>
        <Screen path={path} session={session} />
      </Waiting>
    </MeContext>
  )
}

function Screen({ path, session }: { path: string; session: Session }): ReactNode {
  const { t } = useWords()
  const { me } = useMe()
  if (path === paths.account) return <Account />
  if ((path === paths.admin || path.startsWith(`${paths.admin}/`)) && session.roles.includes('org_admin')) return <Suspense fallback={<PageSpinner />}><Admin path={path} /></Suspense>
  if (path === paths.support && session.roles.includes('support')) return <Suspense fallback={<PageSpinner />}><Support /></Suspense>
  if (path.startsWith(paths.list) && !me.tool_open) return <OpenTool />
  if (path === paths.list) return <List />
  if (path === paths.appointment) return <Appointment />
  const id = consultationOf(path)
  if (id !== undefined) return <ConsultationPage key={id} id={id} />
  const sheet = sheetOf(path)
  if (sheet !== undefined) return <SheetPage key={sheet} id={sheet} />
  if (path === paths.login) return <PageSpinner />
  return (
    <Page line={t.line} title={t.notFound} screen={path}>
      <p><To path={paths.list} className="button button-main"><ArrowIcon /> <span>{t.toList}</span></To></p>
    </Page>
  )
}

function OpenTool() {
  const { t } = useWords()
  const { me, reload } = useMe()
  const action = useAction()
  return (
    <Frame title={t.toolTitle} screen="tool" at={paths.list}>
      <Card>
        <p>{t.toolText}</p>
        <ProblemNotice problem={action.problem} />
        <Button icon={<PlusIcon />} busy={action.busy} onClick={() => void action.run(async () => {
          await meApi.setInterests([...me.interests, TELECONSULTATION])
          reload()
        })}>
          {t.toolAdd}
        </Button>
      </Card>
    </Frame>
  )
}
