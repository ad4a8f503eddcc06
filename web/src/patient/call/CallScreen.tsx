import { useEffect, useState } from 'react'
import { useStayAwake } from '../../call/hooks'
import { startCall, type CallSession } from '../../call/session'
import { explainJoinError } from '../../errors'
import { capture, release, type Captured } from '../../media/capture'
import { Button } from '../../ui/Button'
import { Notice } from '../../ui/Notice'
import { Spinner } from '../../ui/Progress'
import { RetryIcon } from '../../ui/icons'
import { codeOf } from '../api'
import { happened, wentWrong } from '../diary'
import { Frame } from '../Frame'
import { Phone } from '../Phone'
import type { Handed } from '../handed/useHanded'
import type { Payments } from '../payment/usePayments'
import { BLOCKED_MAX, insist, pauseOrOnline } from '../retry'
import type { Visit } from '../useVisit'
import { usePatientWords } from '../words'
import { Call } from './Call'
import { Patience } from './Patience'

interface CallScreenProps {
  visit: Visit
  handed: Handed
  payments: Payments
  /** Hands over what the preview opened. */
  take: () => Captured
  phone: string | undefined
}

/** What keeps somebody out of the call: the picture alone, or everything. */
type Trouble = 'blocked' | 'away'

/** Joins, shows the call, comes back after an interruption. */
export default function CallScreen({ visit, handed, payments, take, phone }: CallScreenProps) {
  const { t } = usePatientWords()
  // Rises with each return into the call.
  const [round, setRound] = useState(0)
  const [joined, setJoined] = useState<{ session: CallSession; microphone: MediaStreamTrack | undefined }>()
  const [failed, setFailed] = useState<Trouble>()
  const [closing, setClosing] = useState(false)
  const { api, act, mark, leave } = visit
  useStayAwake()

  useEffect(() => {
    let stopped = false
    let current: CallSession | undefined
    let tracks: Captured | undefined
    let blocked = 0
    const attempt = async (): Promise<CallSession | undefined> => {
      try {
        const { token, url, identity } = await api.mediaToken()
        tracks ??= round === 0 ? take() : await capture({ camera: undefined, microphone: undefined })
        const { microphone } = tracks
        const started = await startCall({ token, url, name: identity, mayRename: false }, identity, tracks)
        // From here on the call owns them.
        tracks = undefined
        current = started
        if (!stopped) {
          setJoined({ session: started, microphone })
          return started
        }
        void started.leave()
      } catch (error) {
        console.warn('the call could not start', error)
        if (explainJoinError(error) === 'errorMediaPath') blocked += 1
        // Sent away or back to the waiting room meanwhile: the new state leads to another screen.
        if (!stopped) await act(() => api.again())
      }
      return undefined
    }
    const run = async (): Promise<void> => {
      const session = await insist(attempt, () => stopped || blocked >= BLOCKED_MAX, pauseOrOnline)
      if (stopped) return
      setFailed(session === undefined ? (blocked > 0 ? 'blocked' : 'away') : undefined)
      if (session !== undefined) happened(round === 0 ? 'call_joined' : 'reconnected')
      else if (blocked > 0) wentWrong('ice_failed')
      session?.onEnd((reason) => {
        if (stopped) return
        setJoined(undefined)
        if (reason === 'left') leave()
        else if (reason === 'elsewhere') mark({ ended: 'taken-over' })
        else if (reason === 'lost') {
          happened('reconnecting')
          setRound((before) => before + 1)
        } else {
          // Over, or sent out of it: the new state leads to another screen, and nothing is said to be broken meanwhile.
          setClosing(true)
          const asked = api.again().catch((error: unknown) => {
            if (reason === 'removed' && codeOf(error) === 'unauthenticated') mark({ ended: 'removed' })
            throw error
          })
          void act(() => asked).then(() => {
            if (stopped) return
            setClosing(false)
            setRound((before) => before + 1)
          })
        }
      })
    }
    void run()
    return () => {
      stopped = true
      if (tracks) release(tracks)
      void current?.leave()
    }
  }, [act, api, leave, mark, round, take])

  useEffect(
    () => () => {
      // Whoever comes here again looks at camera and microphone again.
      mark({ checked: false })
    },
    [mark],
  )

  if (failed !== undefined) {
    return (
      <Frame screen={failed === 'blocked' ? 'failed' : 'away'} title={failed === 'blocked' ? t.failedTitle : t.awayTitle} phone={phone}>
        <Notice kind="bad">{failed === 'blocked' ? t.failed : t.unreachableText}</Notice>
        <Button
          icon={<RetryIcon />}
          data-test="try-again"
          onClick={() => {
            setFailed(undefined)
            setRound((before) => before + 1)
          }}
        >
          {t.again}
        </Button>
        {phone !== undefined && (
          <>
            <p>{t.callPractice}</p>
            <Phone number={phone} />
          </>
        )}
      </Frame>
    )
  }
  if (closing) {
    return (
      <Frame screen="closing" title={t.line} phone={phone}>
        <Spinner>{t.loading}</Spinner>
      </Frame>
    )
  }
  if (joined === undefined) {
    return (
      <Frame key={round > 0 ? 'lost' : 'entering'} screen={round > 0 ? 'lost' : 'entering'} title={round > 0 ? t.lostTitle : t.admitted} phone={phone}>
        <Patience doing={round > 0 ? t.lost : t.entering} phone={phone} />
      </Frame>
    )
  }
  return <Call session={joined.session} microphone={joined.microphone} visit={visit} handed={handed} payments={payments} phone={phone} />
}
