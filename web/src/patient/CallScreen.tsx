import { useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from 'react'
import { useStayAwake } from '../call/hooks'
import { startCall, type CallSession } from '../call/session'
import { Sound, Tile } from '../call/Tile'
import { capture, listDevices, release, type Captured } from '../media/capture'
import { Button } from '../ui/Button'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import { CameraIcon, LeaveIcon, MicrophoneIcon, RetryIcon, SoundIcon, TurnIcon } from '../ui/icons'
import type { GuestView } from './api'
import { Frame, Phone } from './Frame'
import { LeaveDialog } from './LeaveDialog'
import { insist, LONG_MS } from './retry'
import type { Visit } from './useVisit'
import { usePatientWords } from './words'

interface CallScreenProps {
  visit: Visit
  /** Hands over what the preview opened. */
  take: () => Captured
  phone: string | undefined
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Joins, shows the call, comes back after an interruption. */
export default function CallScreen({ visit, take, phone }: CallScreenProps) {
  const { t } = usePatientWords()
  // Rises with each return into the call.
  const [round, setRound] = useState(0)
  const [session, setSession] = useState<CallSession>()
  const [failed, setFailed] = useState(false)
  const { api, act, mark, leave } = visit
  useStayAwake()

  useEffect(() => {
    let stopped = false
    let current: CallSession | undefined
    let tracks: Captured | undefined
    const attempt = async (): Promise<CallSession | undefined> => {
      try {
        const { token, url, identity } = await api.mediaToken()
        tracks ??= round === 0 ? take() : await capture({ camera: undefined, microphone: undefined })
        const started = await startCall({ token, url, name: identity, mayRename: false }, identity, tracks)
        // From here on the call owns them.
        tracks = undefined
        current = started
        if (!stopped) return started
        void started.leave()
      } catch (error) {
        console.warn('the call could not start', error)
        // Sent away or back to the waiting room meanwhile: the new state leads to another screen.
        if (!stopped) await act(() => api.again())
      }
      return undefined
    }
    const run = async (): Promise<void> => {
      const joined = await insist(attempt, () => stopped, pause)
      if (stopped) return
      setSession(joined)
      setFailed(joined === undefined)
      joined?.onEnd((reason) => {
        if (stopped) return
        setSession(undefined)
        if (reason === 'left') leave()
        else if (reason === 'elsewhere') mark({ ended: 'taken-over' })
        else setRound((before) => before + 1)
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

  if (failed) {
    return (
      <Frame screen="failed" title={t.failedTitle} phone={phone}>
        <Notice kind="bad">{t.failed}</Notice>
        {phone !== undefined && (
          <>
            <p>{t.callPractice}</p>
            <Phone number={phone} />
          </>
        )}
        <Button
          icon={<RetryIcon />}
          onClick={() => {
            setFailed(false)
            setRound((before) => before + 1)
          }}
        >
          {t.again}
        </Button>
      </Frame>
    )
  }
  if (session === undefined) {
    return (
      <Frame screen="entering" title={round > 0 ? t.lost : t.admitted} phone={phone}>
        {round > 0 ? <Lost phone={phone} /> : <Spinner>{t.entering}</Spinner>}
      </Frame>
    )
  }
  return <Call session={session} guest={visit.facts.guest} phone={phone} />
}

/** After half a minute the telephone is named. */
function Lost({ phone }: { phone: string | undefined }) {
  const { t } = usePatientWords()
  const [long, setLong] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), LONG_MS)
    return () => clearTimeout(timer)
  }, [])
  return (
    <>
      <Spinner>{t.lost}</Spinner>
      {long && <p>{t.lostLong}</p>}
      {long && phone !== undefined && <Phone number={phone} />}
    </>
  )
}

function Call({ session, guest, phone }: { session: CallSession; guest: GuestView | undefined; phone: string | undefined }) {
  const { t } = usePatientWords()
  const view = useSyncExternalStore(session.subscribe, session.getView)
  const [cameras, setCameras] = useState(0)
  const [leaving, setLeaving] = useState(false)
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    heading.current?.focus()
    void listDevices().then((devices) => setCameras(devices.cameras.length))
  }, [])
  useBackButton(() => setLeaving(true))

  const nameOf = (role: string | undefined): string => {
    const present = guest?.present.filter((one) => one.role === role) ?? []
    // Two of one role cannot be told apart here: then the role itself is the name.
    const only = present.length === 1 ? present[0]?.name : undefined
    if (only !== undefined && only !== '') return only
    if (role === 'owner' && guest?.professional) return guest.professional
    return t.roles[(role ?? 'owner') as keyof typeof t.roles] || t.someone
  }
  const others = view.people.filter((person) => !person.isLocal)
  const me = view.people.find((person) => person.isLocal)
  return (
    <div className="pcall" data-test="patient-call">
      <main className="pcall-stage">
        <h1 ref={heading} tabIndex={-1} className="unseen">
          {t.callTitle(guest?.professional || t.someone)}
        </h1>
        <div className="banners">
          <div role="alert">
            {view.reconnecting && (
              <div className="banner banner-warn">
                <Lost phone={phone} />
              </div>
            )}
          </div>
          {view.soundBlocked && (
            <p className="banner">
              {t.soundBlocked}
              <Button icon={<SoundIcon />} onClick={() => void session.startSound()}>
                {t.sound}
              </Button>
            </p>
          )}
        </div>
        {others.length === 0 ? (
          <p className="alone" role="status">
            {t.aloneInCall}
          </p>
        ) : (
          <ul className="people" aria-label={t.people}>
            {others.flatMap((person) => {
              const named = { ...person, name: nameOf(person.role) }
              return [
                ...(person.screen ? [<Tile key={`${person.identity}s`} person={named} screen />] : []),
                <Tile key={person.identity} person={named} />,
              ]
            })}
          </ul>
        )}
        {me?.camera !== undefined && (
          <ul className="pcall-me" aria-label={t.me}>
            <Tile person={{ ...me, name: t.me }} />
          </ul>
        )}
      </main>
      <footer className="controls" aria-label={t.controls}>
        <Control
          name="microphone"
          word={t.microphone}
          label={view.microphoneOn ? t.microphoneOff : t.microphoneOn}
          off={!view.microphoneOn}
          onClick={() => void session.setMicrophone(!view.microphoneOn)}
        >
          <MicrophoneIcon off={!view.microphoneOn} />
        </Control>
        <Control
          name="camera"
          word={t.camera}
          label={view.cameraOn ? t.cameraOff : t.cameraOn}
          off={!view.cameraOn}
          onClick={() => void session.setCamera(!view.cameraOn)}
        >
          <CameraIcon off={!view.cameraOn} />
        </Control>
        {cameras > 1 && view.cameraOn && (
          <Control name="turn" word={t.turn} label={t.turnLabel} onClick={() => void session.turnCamera()}>
            <TurnIcon />
          </Control>
        )}
        <Control name="leave" word={t.leave} label={t.leave} leave onClick={() => setLeaving(true)}>
          <LeaveIcon />
        </Control>
      </footer>
      {view.sounds.map(({ sid, track }) => (
        <Sound key={sid} track={track} />
      ))}
      {leaving && <LeaveDialog onStay={() => setLeaving(false)} onLeave={() => void session.leave()} />}
    </div>
  )
}

interface ControlProps {
  name: string
  word: string
  label: string
  off?: boolean
  leave?: boolean
  onClick: () => void
  children: ReactNode
}

function Control({ name, word, label, off = false, leave = false, onClick, children }: ControlProps) {
  const kind = leave ? ' control-leave' : off ? ' control-off' : ''
  return (
    <button type="button" className={`control${kind}`} data-test={name} aria-label={label} onClick={onClick}>
      <span className="control-icon">{children}</span>
      <span className="control-word">{word}</span>
    </button>
  )
}

/** The back button of a telephone asks before it ends the call. */
function useBackButton(onBack: () => void): void {
  const handler = useRef(onBack)
  useEffect(() => {
    handler.current = onBack
  })
  useEffect(() => {
    history.pushState({ call: true }, '')
    const back = (): void => {
      history.pushState({ call: true }, '')
      handler.current()
    }
    addEventListener('popstate', back)
    return () => removeEventListener('popstate', back)
  }, [])
}
