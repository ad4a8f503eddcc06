import { useEffect, useMemo, useState } from 'react'
import { auth, consultations } from '../api/clinic'
import { onLoggedOut, request, setBearer } from '../api/client'
import { eventsOf, listen } from '../api/hints'
import { asApiError } from '../api/useAction'
import type { Me, Session } from '../api/types'
import { MeContext, SessionContext } from '../auth/session'
import { offerCaption } from '../call/captions'
import { useEmbedWords } from '../i18n/embed'
import { ConsultationPage } from '../pro/ConsultationPage'
import { takeFragment } from '../pro/router'
import { Notice } from '../ui/Notice'
import { Page } from '../ui/Page'
import { PageSpinner } from '../ui/Progress'
import { Toasts } from '../ui/Toasts'
import '../pro/pro.css'
import { between, captionIn, momentOf, originAround, post, type Moment, type Received } from './protocol'

interface Redeemed {
  access_token: string
  consultation_id: string
  origin: string
}
interface Opened {
  id: string
  origin: string
  session: Session
}
type State = { at: 'opening' } | { at: 'failed'; code: string } | { at: 'open'; opened: Opened }

/** `/integration/<client>#<token>`: one consultation of a professional, in the frame of a portal. */
export default function EmbedApp() {
  const { t } = useEmbedWords()
  const [state, setState] = useState<State>({ at: 'opening' })
  useEffect(() => {
    void open().then(setState)
  }, [])
  const origin = state.at === 'open' ? state.opened.origin : undefined
  useEffect(
    () =>
      onLoggedOut(() => {
        post(origin ?? originAround(), { type: 'error', code: 'session-expired' })
        setState({ at: 'failed', code: 'session-expired' })
      }),
    [origin],
  )
  switch (state.at) {
    case 'opening':
      return <PageSpinner>{t.opening}</PageSpinner>
    case 'failed':
      return (
        <Page line={t.line} title={t.failedTitle}>
          <Notice kind="bad">{t.failures[state.code] ?? t.failedOther}</Notice>
          <p>{t.failedText}</p>
        </Page>
      )
    case 'open':
      return <Inside opened={state.opened} />
  }
}

/** Redeems the link, once. The token leaves the address bar at once, and the bearer for it stays in memory. */
async function open(): Promise<State> {
  try {
    const token = takeFragment()
    const redeemed = await request<Redeemed>('/api/v1/embed-sessions/redeem', { method: 'POST', body: { token } })
    setBearer(redeemed.access_token)
    const session = await auth.session()
    post(redeemed.origin, { type: 'ready', consultation_id: redeemed.consultation_id })
    return { at: 'open', opened: { id: redeemed.consultation_id, origin: redeemed.origin, session } }
  } catch (error) {
    const { code } = asApiError(error)
    post(originAround(), { type: 'error', code })
    return { at: 'failed', code }
  }
}

function Inside({ opened: { id, origin, session } }: { opened: Opened }) {
  const [current, setCurrent] = useState<Session | null>(session)
  const sessions = useMemo(() => ({ session: current, setSession: setCurrent }), [current])
  const own = useMemo(() => ({ me: strangerOf(session), reload: () => undefined }), [session])
  useEffect(() => tellAbout(id, origin), [id, origin])
  useEffect(() => {
    const hear = (event: MessageEvent): void => {
      const caption = captionIn(event, origin, window.parent)
      if (caption !== undefined) offerCaption(caption)
    }
    addEventListener('message', hear)
    return () => removeEventListener('message', hear)
  }, [origin])
  return (
    <SessionContext value={sessions}>
      <MeContext value={own}>
        <Toasts>
          <ConsultationPage id={id} />
        </Toasts>
      </MeContext>
    </SessionContext>
  )
}

/** Tells the portal what happens in the consultation, until the answer is called. */
function tellAbout(id: string, origin: string): () => void {
  let before: Moment | undefined
  let gone = false
  let looking = false
  let again = false
  const look = async (): Promise<void> => {
    if (looking) {
      again = true
      return
    }
    looking = true
    try {
      const [{ value }, documents] = await Promise.all([consultations.get(id), documentsOf(id)])
      const after = momentOf(value, documents)
      if (!gone) for (const message of between(id, before, after)) post(origin, message)
      before = after
    } catch {
      // The page itself says what failed, and the next hint asks again.
    } finally {
      looking = false
    }
    if (again && !gone) {
      again = false
      await look()
    }
  }
  const stop = listen(eventsOf(id), () => void look())
  return () => {
    gone = true
    stop()
  }
}

/** None where there is no file that could hold any. */
const documentsOf = (id: string): Promise<readonly Received[]> =>
  request<{ items: Received[] }>(`/api/v1/consultations/${id}/documents?limit=100`).then(
    ({ items }) => items,
    () => [],
  )

/** The bearer of a frame opens one consultation and not the profile: what the pages ask of it there is id and time zone. */
function strangerOf(session: Session): Me {
  return {
    id: session.account_id,
    roles: session.roles,
    locale: session.locale,
    time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    title: '', first_name: '', exercise_name: '', email: '', profession_code: '', id_type: '', national_number: '', id_verified_by: '',
    practice: {}, interests: [], tool_open: true, second_factor: true, recovery_codes_left: 0,
    signature_set: false, defaults: { display_name: '', early_minutes: 10, late_minutes: 15, slot_minutes: 20, identity_check: 'none' },
  }
}
