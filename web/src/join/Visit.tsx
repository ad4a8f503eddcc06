import { lazy, Suspense, useCallback, useEffect, useState } from 'react'
import type { CallSession } from '../call/session'
import type { Transfer } from '../call/transfers'
import { EndPage, NoWayInPage } from '../end/EndPage'
import { explainJoinError, type EndReason } from '../errors'
import { useWords, type PlainText } from '../i18n/call'
import { readLink, type JoinLink } from '../link'
import { release, type Captured } from '../media/capture'
import { JoinPage } from './JoinPage'

// The call part carries the WebRTC client: it is fetched while people look at their preview.
const callPart = () => import('../call/CallPage')
const CallPage = lazy(() => callPart().then((part) => ({ default: part.CallPage })))

type Phase =
  | { at: 'join'; attempt: number; joining: boolean; failure?: PlainText }
  | { at: 'call'; session: CallSession }
  | { at: 'end'; reason: EndReason; received: readonly Transfer[] }

const attemptOf = (phase: Phase): number => (phase.at === 'join' ? phase.attempt : 0)

/** A call by a link that carries its token: `/join#token=…`. */
export default function Visit() {
  const [read] = useState(() => readLink(location.hash, location.search, Date.now() / 1000))
  useEffect(() => {
    if (!read.ok) return
    // A token in the query would travel on with every reload: move it where browsers keep it to themselves.
    if (new URLSearchParams(location.search).has('token')) {
      history.replaceState(null, '', `${location.pathname}#token=${read.link.token}`)
    }
  }, [read])
  if (!('RTCPeerConnection' in window)) return <NoWayInPage problem="old-browser" />
  return read.ok ? <Call link={read.link} /> : <NoWayInPage problem={read.problem} />
}

function Call({ link }: { link: JoinLink }) {
  const { t } = useWords()
  const [phase, setPhase] = useState<Phase>({ at: 'join', attempt: 0, joining: false })

  useEffect(() => {
    const soon = setTimeout(() => void callPart().catch(() => undefined), 400)
    return () => clearTimeout(soon)
  }, [])

  const join = useCallback(
    async (captured: Captured, name: string) => {
      setPhase((before) => ({ at: 'join', attempt: attemptOf(before), joining: true }))
      try {
        const { startCall } = await import('../call/session')
        const session = await startCall(link, name, captured)
        session.onEnd((reason) => setPhase({ at: 'end', reason, received: session.transfers.received() }))
        setPhase({ at: 'call', session })
      } catch (error) {
        release(captured)
        console.warn('the call could not start', error)
        const failure = explainJoinError(error)
        setPhase((before) => ({ at: 'join', attempt: attemptOf(before) + 1, joining: false, failure }))
      }
    },
    [link],
  )

  if (phase.at === 'call') {
    return (
      <Suspense fallback={<p className="waiting">{t.joinEntering}</p>}>
        <CallPage session={phase.session} room={link.room} />
      </Suspense>
    )
  }
  if (phase.at === 'end') {
    return (
      <EndPage
        reason={phase.reason}
        received={phase.received}
        onReturn={() => setPhase({ at: 'join', attempt: 0, joining: false })}
      />
    )
  }
  return (
    <JoinPage
      // A new attempt after a failure opens the devices again.
      key={phase.attempt}
      link={link}
      failure={phase.failure}
      joining={phase.joining}
      onJoin={(captured, name) => void join(captured, name)}
    />
  )
}
