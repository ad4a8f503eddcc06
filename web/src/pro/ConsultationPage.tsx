import { lazy, Suspense, useEffect, useState, type ReactNode } from 'react'
import { consultations } from '../api/clinic'
import { newKey } from '../api/client'
import { eventsOf, useHints } from '../api/hints'
import { useAction, useLoad } from '../api/useAction'
import type { Consultation } from '../api/types'
import type { EndReason } from '../errors'
import { useWords, type PlainText } from '../i18n/pro'
import { useMe } from '../auth/session'
import { Button } from '../ui/Button'
import { Card } from '../ui/Card'
import { Chip } from '../ui/Chip'
import { Dialog } from '../ui/Dialog'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import { Tabs } from '../ui/Tabs'
import { useToast } from '../ui/Toasts'
import { AfterCall } from './AfterCall'
import { NOBODY, PatientFields, patientInput, SlotFields, useSlot } from './Appointment'
import { FormPanel } from './FormPanel'
import { Frame } from './Frame'
import { Invitations } from './Invitations'
import { statusText, toneOf } from './List'
import { People } from './People'
import { birthDay, dayTime, timeOf, whoOf } from './format'
import { ProblemNotice, To, useFieldError } from './parts'
import { go, paths } from './router'

// The call carries the WebRTC client: fetched when somebody enters.
const Call = lazy(() => import('./Call'))

const LEFT: Record<EndReason, PlainText> = { left: 'leftCall', finished: 'endedCall', removed: 'removedCall', elsewhere: 'elsewhereCall', lost: 'lostCall' }
/** Warned before the link closes, in milliseconds (WCAG 2.2.1 asks for two minutes at least). */
const WARN_MS = 300_000
/** How often it is looked whether the link closes soon, in milliseconds. */
const LOOK_MS = 15_000

export function ConsultationPage({ id }: { id: string }) {
  const { t } = useWords()
  const loaded = useLoad(id, () => consultations.get(id))
  useHints(eventsOf(id), loaded.reload)
  const [calling, setCalling] = useState(false)
  const [left, setLeft] = useState<EndReason>()
  if (loaded.value === undefined) {
    return (
      <Frame title={t.listTitle} screen={id}>
        {loaded.problem === undefined ? <Spinner /> : <ProblemNotice problem={loaded.problem} />}
        <To path={paths.list}>{t.toList}</To>
      </Frame>
    )
  }
  const { value: consultation, etag } = loaded.value
  const panel = (inRoom: boolean): ReactNode => <Panel consultation={consultation} inRoom={inRoom} onChanged={loaded.reload} />
  if (calling) {
    return (
      <Suspense fallback={<Spinner>{t.callEntering}</Spinner>}>
        <Call
          consultation={consultation}
          panel={panel(true)}
          onChanged={loaded.reload}
          onLeft={(reason) => {
            setCalling(false)
            setLeft(reason)
            loaded.reload()
          }}
        />
      </Suspense>
    )
  }
  const name = whoOf(consultation) ?? t.noName
  return (
    <Frame title={t.consultationWith(name)} screen={id} at={paths.consultation(id)}>
      <ProblemNotice problem={loaded.problem} />
      {left !== undefined && <Notice>{t[consultation.ended_at === undefined || consultation.ended_at === null ? LEFT[left] : 'endedCall']}</Notice>}
      <About consultation={consultation} etag={etag} onEnter={() => setCalling(true)} onChanged={loaded.reload} />
      {isLive(consultation) && (
        <Card wide title={t.panel}>
          {panel(false)}
        </Card>
      )}
      {(consultation.invitations?.length ?? 0) > 0 && isAhead(consultation) && (
        <Card wide title={t.invitationsTitle}>
          <Invitations consultation={consultation} onChanged={loaded.reload} />
        </Card>
      )}
      {(consultation.status === 'ended' || consultation.status === 'validated') && <AfterCall consultation={consultation} onChanged={loaded.reload} />}
    </Frame>
  )
}

const isLive = (c: Consultation): boolean => c.status === 'open' || c.status === 'in_progress' || c.status === 'interrupted'
const isAhead = (c: Consultation): boolean => c.status === 'scheduled' || isLive(c)

/** Slot, state, and what can be done with it. */
function About({ consultation, etag, onEnter, onChanged }: { consultation: Consultation; etag: string; onEnter: () => void; onChanged: () => void }) {
  const { language, t } = useWords()
  const { me } = useMe()
  const tell = useToast()
  const [asking, setAsking] = useState<'move' | 'cancel' | 'replan' | 'end'>()
  const [replanKey] = useState(newKey)
  const { slot, fields } = useSlot(consultation.status === 'scheduled' ? consultation.slot.start : undefined)
  const action = useAction()
  const error = useFieldError(action.problem)
  const own = consultation.owner === me.id
  const { id, patient } = consultation
  const may = consultation.allowed_transitions
  const can = consultation.capabilities
  const close = (): void => {
    setAsking(undefined)
    action.clear()
  }
  const doing = (work: () => Promise<unknown>, said?: string): void => {
    void action.run(async () => {
      await work()
      setAsking(undefined)
      if (said !== undefined) tell(said)
      onChanged()
    })
  }
  return (
    <Card wide title={t.infoTitle}>
      <p className="pro-row">
        <Chip tone={toneOf(consultation.status)}>{statusText(consultation, t)}</Chip>
        <Chip>{t.kinds[consultation.kind]}</Chip>
        <span>{dayTime(consultation.slot.start, language, me.time_zone)}</span>
        {isLive(consultation) && <span>{t.windowUntil(timeOf(consultation.window.closes_at, language, me.time_zone))}</span>}
      </p>
      {patient !== undefined && patient !== null && <p>{t.bornOn(birthDay(patient.birth_date), String(patient.age))}</p>}
      <ClosingSoon consultation={consultation} />
      {asking === undefined && <ProblemNotice problem={action.problem} />}
      <div className="pro-row">
        {own && isLive(consultation) && can.includes('call') && <Button onClick={onEnter}>{t.enterCall}</Button>}
        {!own && isLive(consultation) && <ColleagueDoor consultation={consultation} onEnter={onEnter} onChanged={onChanged} />}
        {own && can.includes('extend') && isLive(consultation) && <Button kind="quiet" busy={action.busy} onClick={() => doing(() => consultations.extend(id, 15), t.extended)}>{t.extend}</Button>}
        {own && may.includes('reschedule') && <Button kind="quiet" onClick={() => setAsking('move')}>{t.edit}</Button>}
        {own && may.includes('cancel') && <Button kind="danger" onClick={() => setAsking('cancel')}>{t.cancelAppointment}</Button>}
        {own && can.includes('end') && may.includes('end') && <Button kind="danger" onClick={() => setAsking('end')}>{t.endForAll}</Button>}
        {own && consultation.kind === 'dossier' && (consultation.status === 'cancelled' || consultation.status === 'no_show') && <Button onClick={() => setAsking('replan')}>{t.replan}</Button>}
      </div>
      {own && can.includes('upgrade_to_dossier') && <Upgrade id={id} onChanged={onChanged} />}
      {(asking === 'move' || asking === 'replan') && (
        <Dialog title={asking === 'move' ? t.editTitle : t.replan} onClose={close} actions={
          <>
            <Button kind="quiet" onClick={close}>{t.cancel}</Button>
            <Button busy={action.busy} onClick={() => asking === 'move'
              ? doing(() => consultations.change(id, { slot }, etag), t.moved)
              : doing(async () => go(paths.consultation((await consultations.replan(id, slot, replanKey)).id)), t.created)}>
              {t.save}
            </Button>
          </>
        }>
          <SlotFields {...fields} error={error} />
          <ProblemNotice problem={action.problem} />
        </Dialog>
      )}
      {asking === 'cancel' && (
        <Dialog title={t.cancelTitle} onClose={close} actions={
          <>
            <Button kind="quiet" onClick={close}>{t.keepAppointment}</Button>
            <Button kind="danger" busy={action.busy} onClick={() => doing(() => consultations.cancel(id, etag))}>{t.cancelAppointment}</Button>
          </>
        }>
          <p>{t.cancelText}</p>
          <ProblemNotice problem={action.problem} />
        </Dialog>
      )}
      {asking === 'end' && <EndDialog id={id} onClose={close} onEnded={() => {
        close()
        onChanged()
      }} />}
    </Card>
  )
}

function ClosingSoon({ consultation }: { consultation: Consultation }) {
  const { t } = useWords()
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), LOOK_MS)
    return () => clearInterval(timer)
  }, [])
  const left = new Date(consultation.window.closes_at).getTime() - now
  return isLive(consultation) && left > 0 && left < WARN_MS ? <Notice kind="warn">{t.windowEnding}</Notice> : null
}

/** A colleague goes to the waiting room first, and enters once let in. */
function ColleagueDoor({ consultation, onEnter, onChanged }: { consultation: Consultation; onEnter: () => void; onChanged: () => void }) {
  const { t } = useWords()
  const [seat, setSeat] = useState<string>()
  const action = useAction()
  const mine = consultation.participants.find((person) => person.id === seat)
  if (mine !== undefined && ['admitted', 'connected', 'reconnecting'].includes(mine.state)) return <Button onClick={onEnter}>{t.enterCall}</Button>
  return (
    <>
      <ProblemNotice problem={action.problem} />
      {mine?.state === 'waiting' ? <Notice>{t.waitHereText}</Notice> : (
        <Button busy={action.busy} onClick={() => void action.run(async () => {
          setSeat((await consultations.goToWaiting(consultation.id)).id)
          onChanged()
        })}>
          {t.waitHere}
        </Button>
      )}
    </>
  )
}

export function EndDialog({ id, onClose, onEnded }: { id: string; onClose: () => void; onEnded: () => void }) {
  const { t } = useWords()
  const action = useAction()
  return (
    <Dialog title={t.endTitle} onClose={onClose} actions={
      <>
        <Button kind="quiet" onClick={onClose}>{t.stay}</Button>
        <Button kind="danger" busy={action.busy} onClick={() => void action.run(async () => {
          await consultations.end(id)
          onEnded()
        })}>
          {t.endForAll}
        </Button>
      </>
    }>
      <p>{t.endText}</p>
      <ProblemNotice problem={action.problem} />
    </Dialog>
  )
}

export function Upgrade({ id, onChanged }: { id: string; onChanged: () => void }) {
  const { t } = useWords()
  const tell = useToast()
  const [typed, setTyped] = useState(NOBODY)
  const action = useAction()
  const error = useFieldError(action.problem)
  return (
    <details className="pro-more">
      <summary>{t.upgrade}</summary>
      <form className="pro-stack" onSubmit={(event) => {
        event.preventDefault()
        void action.run(async () => {
          await consultations.upgrade(id, patientInput(typed))
          tell(t.upgraded)
          onChanged()
        })
      }}>
        <p>{t.upgradeText}</p>
        <PatientFields typed={typed} onChange={setTyped} error={error} />
        <ProblemNotice problem={action.problem} />
        <Button type="submit" busy={action.busy}>{t.upgrade}</Button>
      </form>
    </details>
  )
}

/** Beside the call, and before it: who is there, and the form where there is one. */
function Panel({ consultation, inRoom, onChanged }: { consultation: Consultation; inRoom: boolean; onChanged: () => void }) {
  const { t } = useWords()
  const [tab, setTab] = useState<'people' | 'form'>('people')
  const hasForm = consultation.capabilities.includes('form')
  const waiting = consultation.participants.filter((person) => person.state === 'waiting').length
  const tabs = [{ name: 'people' as const, label: t.panelPeople, news: waiting }, ...(hasForm ? [{ name: 'form' as const, label: t.panelForm }] : [])]
  const chosen = hasForm ? tab : 'people'
  return (
    <Tabs label={t.panel} tabs={tabs} chosen={chosen} onChoose={setTab}>
      {chosen === 'people' ? (
        <>
          <People consultation={consultation} inRoom={inRoom} onChanged={onChanged} />
          {inRoom && consultation.capabilities.includes('upgrade_to_dossier') && <Upgrade id={consultation.id} onChanged={onChanged} />}
        </>
      ) : (
        <FormPanel id={consultation.id} mayValidate={consultation.status === 'ended'} onValidated={onChanged} />
      )}
    </Tabs>
  )
}

