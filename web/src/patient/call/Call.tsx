import { useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from 'react'
import { CaptionArea } from '../../call/CaptionArea'
import { inOrder } from '../../call/grid'
import type { CallSession, PersonView } from '../../call/session'
import { Sound, Tile } from '../../call/Tile'
import { useWords as useCallWords } from '../../i18n/call'
import { listDevices } from '../../media/capture'
import { Button } from '../../ui/Button'
import { useToast } from '../../ui/Toasts'
import { CameraIcon, CloseIcon, LeaveIcon, MicrophoneIcon, MoreIcon, RetryIcon, SoundIcon, TurnIcon } from '../../ui/icons'
import { shown } from '../../ui/shown'
import { useTopic } from '../../ui/title'
import type { GuestView } from '../api'
import type { Document } from '../handed/api'
import { NewDocument, Sendings } from '../handed/Documents'
import type { Handed } from '../handed/useHanded'
import { Viewer } from '../handed/Viewer'
import { LeaveDialog } from '../LeaveDialog'
import { PaymentCard } from '../payment/PaymentCard'
import { foremost } from '../payment/payments'
import type { Payments } from '../payment/usePayments'
import { useBackButton } from '../useBackButton'
import type { Visit } from '../useVisit'
import { usePatientWords } from '../words'
import { Patience } from './Patience'
import { changesBetween } from './people'
import { More } from './More'
import { useDeadSound, useFrozen } from './tracks'

interface CallProps {
  session: CallSession
  /** As it was handed to the call. */
  microphone: MediaStreamTrack | undefined
  visit: Visit
  handed: Handed
  payments: Payments
  phone: string | undefined
}

/** The call itself: the others large, oneself small, four buttons and what comes over them. */
export function Call({ session, microphone, visit, handed, payments, phone }: CallProps) {
  const { t } = usePatientWords()
  const { t: words } = useCallWords()
  const view = useSyncExternalStore(session.subscribe, session.getView)
  const { guest } = visit.facts
  const [cameras, setCameras] = useState(0)
  const [leaving, setLeaving] = useState(false)
  const [more, setMore] = useState(false)
  const [captionsShown, setCaptionsShown] = useState(true)
  const [viewing, setViewing] = useState<Document>()
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    heading.current?.focus()
    shown.screen = 'call'
    void listDevices().then((devices) => setCameras(devices.cameras.length))
  }, [])
  useTopic(t.line)
  useBackButton(() => setLeaving(true))
  useNewcomers(guest)

  const me = view.people.find((person) => person.isLocal)
  const others = inOrder(view.people.filter((person) => !person.isLocal))
  const own = me?.camera?.mediaStreamTrack
  const frozen = useFrozen(own)
  const dead = useDeadSound(view.microphoneOn ? microphone : undefined)
  const rouse = (): void => void session.setCamera(false).then(() => session.setCamera(true))
  const news = handed.news[0]
  const due = foremost(payments.all, payments.aside)
  const speaker = (identity: string): string | undefined => {
    const person = others.find((one) => one.identity === identity)
    return person && nameOf(person, guest, t)
  }
  return (
    <div className="pcall" data-test="patient-call">
      <main className="pcall-stage">
        <h1 ref={heading} tabIndex={-1} className="unseen">
          {t.callTitle(guest.professional || t.someone)}
        </h1>
        {others.length === 0 ? (
          <p className="alone" role="status">
            {t.aloneInCall}
          </p>
        ) : (
          <ul className="people" aria-label={t.people}>
            {others.flatMap((person) => {
              const named = { ...person, name: nameOf(person, guest, t) }
              return [
                ...(person.screen ? [<Tile key={`${person.identity}s`} person={named} screen />] : []),
                <Tile key={person.identity} person={named} />,
              ]
            })}
          </ul>
        )}
        {me?.camera !== undefined && (
          <ul className="pcall-me" aria-label={t.me}>
            <Tile person={{ ...me, name: t.me }} ownName={t.me} />
          </ul>
        )}
        <div className="pcall-banners">
          <div role="alert">
            {view.reconnecting && (
              <div className="banner banner-warn" data-test="reconnecting">
                <Patience doing={t.lost} phone={phone} />
              </div>
            )}
            {view.problem !== undefined && (
              <p className="banner banner-warn">
                {words[view.problem]}
                <Button kind="quiet" icon={<CloseIcon />} onClick={() => session.dismissProblem()}>
                  {t.close}
                </Button>
              </p>
            )}
          </div>
          {view.soundBlocked && (
            <p className="banner" role="status">
              {t.soundBlocked}
              <Button icon={<SoundIcon />} onClick={() => void session.startSound()}>
                {t.sound}
              </Button>
            </p>
          )}
          {frozen && view.cameraOn && (
            <p className="banner" role="status" data-test="frozen">
              {t.frozen}
              <Button icon={<RetryIcon />} onClick={rouse}>
                {t.rouse}
              </Button>
            </p>
          )}
          <div role="status">
            {others.some((person) => person.suspended) && (
              <p className="banner" data-test="suspended">
                {t.pictureStopped}
              </p>
            )}
          </div>
          {dead && (
            <p className="banner" role="status" data-test="silent">
              {t.silent}
            </p>
          )}
        </div>
        <div className="pcall-cards">
          <CaptionArea captions={captionsShown ? view.captions : []} nameOf={speaker} />
          {handed.sending.length > 0 && !more && (
            <section className="pcard">
              <Sendings handed={handed} />
            </section>
          )}
          <div role="status">
            {news !== undefined ? (
              <NewDocument document={news} onSee={() => setViewing(news)} onLater={() => handed.putAside(news.id)} />
            ) : (
              due !== undefined && <PaymentCard payment={due} payments={payments} zone={guest.zone} inCall />
            )}
          </div>
        </div>
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
        <Control name="more" word={t.more} label={t.moreLabel} onClick={() => setMore(true)}>
          <MoreIcon />
        </Control>
        <Control name="leave" word={t.leave} label={t.leave} leave onClick={() => setLeaving(true)}>
          <LeaveIcon />
        </Control>
      </footer>
      {view.sounds.map(({ sid, track }) => (
        <Sound key={sid} track={track} />
      ))}
      {more && (
        <More
          visit={visit}
          handed={handed}
          phone={phone}
          captionsShown={captionsShown}
          onCaptions={view.captioned ? () => setCaptionsShown(!captionsShown) : undefined}
          onClose={() => setMore(false)}
        />
      )}
      {viewing !== undefined && (
        <Viewer
          api={visit.api}
          document={viewing}
          onClose={() => {
            handed.putAside(viewing.id)
            setViewing(undefined)
          }}
        />
      )}
      {leaving && <LeaveDialog onStay={() => setLeaving(false)} onLeave={() => void session.leave()} />}
    </div>
  )
}

function nameOf({ role }: PersonView, guest: GuestView, t: ReturnType<typeof usePatientWords>['t']): string {
  const present = guest.present.filter((one) => one.role === role)
  // Two of one role cannot be told apart here: then the role itself is the name.
  const only = present.length === 1 ? present[0]?.name : undefined
  if (only !== undefined && only !== '') return only
  if (role === 'owner' && guest.professional !== '') return guest.professional
  return t.roles[(role ?? 'owner') as keyof typeof t.roles] || t.someone
}

/** Says who comes and goes, by the names that the server gives. */
function useNewcomers({ present }: GuestView): void {
  const { t } = usePatientWords()
  const tell = useToast()
  const before = useRef(present)
  useEffect(() => {
    const named = (one: GuestView['present'][number]): string => one.name || t.roles[one.role as keyof typeof t.roles] || t.someone
    const { came, went } = changesBetween(before.current, present)
    before.current = present
    const told = [...came.map((one) => t.comes(named(one))), ...went.map((one) => t.goes(named(one)))]
    if (told.length > 0) tell(told.join(' '))
  }, [present, t, tell])
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
