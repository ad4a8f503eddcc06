import { useEffect, useState } from 'react'
import { consultations } from '../api/clinic'
import { newKey } from '../api/client'
import { useAction } from '../api/useAction'
import type { Consultation } from '../api/types'
import { useMe } from '../auth/session'
import { useWords } from '../i18n/pro'
import { Button } from '../ui/Button'
import { ClockIcon, LogInIcon, LogOutIcon, PlusIcon } from '../ui/deskIcons'
import { CalendarIcon, CheckIcon, CloseIcon } from '../ui/icons'
import { Card } from '../ui/Card'
import { Chip } from '../ui/Chip'
import { Dialog } from '../ui/Dialog'
import { Notice } from '../ui/Notice'
import { useToast } from '../ui/Toasts'
import { SlotFields, useSlot } from './Appointment'
import { useDesk } from './desk'
import { EndDialog } from './EndDialog'
import { birthDay, dayTime, timeOf } from './format'
import { statusText, toneOf } from './List'
import { ProblemNotice, useFieldError } from './parts'
import { go, paths } from './router'
import { UpgradeButton } from './Upgrade'

/** Warned before the link closes, in milliseconds (WCAG 2.2.1 asks for two minutes at least). */
const WARN_MS = 300_000
/** How often it is looked whether the link closes soon, in milliseconds. */
const LOOK_MS = 15_000

export const isLive = ({ status }: Pick<Consultation, 'status'>): boolean => status === 'open' || status === 'in_progress' || status === 'interrupted'

/** Slot, state, and what can be done with it. */
export function About({ onEnter }: { onEnter: () => void }) {
  const { language, t } = useWords()
  const { me } = useMe()
  const { consultation, etag, own, reload } = useDesk()
  const tell = useToast()
  const [asking, setAsking] = useState<'move' | 'cancel' | 'replan' | 'end'>()
  const [replanKey] = useState(newKey)
  const { slot, fields } = useSlot(consultation.status === 'scheduled' ? consultation.slot.start : undefined)
  const action = useAction()
  const error = useFieldError(action.problem)
  const { id, patient, capabilities: can, allowed_transitions: may } = consultation
  const close = (): void => {
    setAsking(undefined)
    action.clear()
  }
  const doing = (work: () => Promise<unknown>, said?: string): void => {
    void action.run(async () => {
      await work()
      setAsking(undefined)
      if (said !== undefined) tell(said)
      reload()
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
        {own && isLive(consultation) && can.includes('call') && <Button icon={<LogInIcon />} onClick={onEnter}>{t.enterCall}</Button>}
        {!own && isLive(consultation) && <ColleagueDoor onEnter={onEnter} />}
        {own && can.includes('extend') && isLive(consultation) && <Button icon={<ClockIcon />} kind="quiet" busy={action.busy} onClick={() => doing(() => consultations.extend(id, 15), t.extended)}>{t.extend}</Button>}
        {own && may.includes('reschedule') && <Button icon={<CalendarIcon />} kind="quiet" onClick={() => setAsking('move')}>{t.edit}</Button>}
        {own && may.includes('cancel') && <Button icon={<CloseIcon />} kind="danger" onClick={() => setAsking('cancel')}>{t.cancelAppointment}</Button>}
        {own && can.includes('end') && may.includes('end') && <Button icon={<LogOutIcon />} kind="danger" onClick={() => setAsking('end')}>{t.endForAll}</Button>}
        {own && consultation.kind === 'dossier' && (consultation.status === 'cancelled' || consultation.status === 'no_show') && <Button icon={<PlusIcon />} onClick={() => setAsking('replan')}>{t.replan}</Button>}
        {own && can.includes('upgrade_to_dossier') && <UpgradeButton />}
      </div>
      {(asking === 'move' || asking === 'replan') && (
        <Dialog title={asking === 'move' ? t.editTitle : t.replan} onClose={close} actions={
          <>
            <Button icon={<CloseIcon />} kind="quiet" onClick={close}>{t.cancel}</Button>
            <Button icon={<CheckIcon />} busy={action.busy} onClick={() => asking === 'move'
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
            <Button icon={<CheckIcon />} kind="quiet" onClick={close}>{t.keepAppointment}</Button>
            <Button icon={<CloseIcon />} kind="danger" busy={action.busy} onClick={() => doing(() => consultations.cancel(id, etag))}>{t.cancelAppointment}</Button>
          </>
        }>
          <p>{t.cancelText}</p>
          <ProblemNotice problem={action.problem} />
        </Dialog>
      )}
      {asking === 'end' && <EndDialog id={id} onClose={close} onEnded={() => {
        close()
        reload()
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
function ColleagueDoor({ onEnter }: { onEnter: () => void }) {
  const { t } = useWords()
  const { consultation, reload } = useDesk()
  const [seat, setSeat] = useState<string>()
  const action = useAction()
  const mine = consultation.participants.find((person) => person.id === seat)
  if (mine !== undefined && ['admitted', 'connected', 'reconnecting'].includes(mine.state)) return <Button icon={<LogInIcon />} onClick={onEnter}>{t.enterCall}</Button>
  return (
    <>
      <ProblemNotice problem={action.problem} />
      {mine?.state === 'waiting' ? <Notice>{t.waitHereText}</Notice> : (
        <Button icon={<ClockIcon />} busy={action.busy} onClick={() => void action.run(async () => {
          setSeat((await consultations.goToWaiting(consultation.id)).id)
          reload()
        })}>
          {t.waitHere}
        </Button>
      )}
    </>
  )
}
