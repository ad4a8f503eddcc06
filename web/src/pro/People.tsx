import { useState, type SyntheticEvent } from 'react'
import { consultations, invitations, people } from '../api/clinic'
import { newKey } from '../api/client'
import { useAction } from '../api/useAction'
import type { Consultation, Person } from '../api/types'
import { useWords as useDeskWords } from '../i18n/desk'
import { useWords } from '../i18n/pro'
import { Button } from '../ui/Button'
import { TrashIcon, UndoIcon } from '../ui/deskIcons'
import { CheckIcon, CloseIcon, LockIcon, SendIcon } from '../ui/icons'
import { Chip } from '../ui/Chip'
import { Notice } from '../ui/Notice'
import { useToast } from '../ui/Toasts'
import { GuestFields, guestInput, NEW_GUEST } from './Appointment'
import { ProblemNotice, useFieldError } from './parts'

const PRESENT = ['admitted', 'connected', 'reconnecting']
/** Where a page of theirs should be open. */
const AWAY = ['waiting', 'admitted', 'connected']
const PRESENT_OR_WAITING = ['waiting', ...PRESENT]
const VERDICT_TONES = { green: 'good', orange: 'warn', red: 'bad' } as const

/** Who waits, who is there, who else was invited. `inRoom`: letting in needs the professional in the call. */
export function People({ consultation, inRoom, onChanged }: { consultation: Consultation; inRoom: boolean; onChanged: () => void }) {
  const { t } = useWords()
  const action = useAction()
  const guests = consultation.participants.filter((person) => person.role !== 'owner')
  const waiting = guests.filter((person) => person.state === 'waiting')
  const present = guests.filter((person) => PRESENT.includes(person.state))
  const others = guests.filter((person) => !waiting.includes(person) && !present.includes(person))
  const doing = (work: () => Promise<unknown>) => () =>
    void action.run(async () => {
      await work()
      onChanged()
    })
  const { id } = consultation
  return (
    <div className="pro-stack">
      <ProblemNotice problem={action.problem} />
      <h2>{t.waitingList}</h2>
      {waiting.length === 0 && <p>{t.nobodyWaits}</p>}
      <ul className="pro-stack">
        {waiting.map((person) => (
          <li key={person.id} className="pro-person">
            <About person={person} />
            <div className="pro-row">
              {inRoom && person.consent === 'accepted' && <Button icon={<CheckIcon />} aria-label={t.admitName(person.name)} busy={action.busy} onClick={doing(() => people.admit(id, person.id, false))}>{t.admit}</Button>}
              {inRoom && person.consent !== 'accepted' && <Button icon={<CheckIcon />} aria-label={t.admitOralName(person.name)} busy={action.busy} onClick={doing(() => people.admit(id, person.id, true))}>{t.admitOral}</Button>}
              <Button icon={<CloseIcon />} kind="quiet" aria-label={t.denyName(person.name)} busy={action.busy} onClick={doing(() => people.deny(id, person.id))}>{t.deny}</Button>
            </div>
          </li>
        ))}
      </ul>
      {present.length > 0 && (
        <>
          <h2>{t.present}</h2>
          <ul className="pro-stack">
            {present.map((person) => (
              <li key={person.id} className="pro-person">
                <About person={person} />
                <div className="pro-row">
                  <Button icon={<UndoIcon />} kind="quiet" className="button-small" aria-label={t.sendBackName(person.name)} busy={action.busy} onClick={doing(() => people.sendBack(id, person.id))}>{t.sendBack}</Button>
                  <Button icon={<TrashIcon />} kind="quiet" className="button-small" aria-label={t.removeName(person.name)} busy={action.busy} onClick={doing(() => people.remove(id, person.id))}>{t.remove}</Button>
                </div>
              </li>
            ))}
          </ul>
        </>
      )}
      {others.length > 0 && (
        <>
          <h2>{t.others}</h2>
          <ul className="pro-stack">
            {others.map((person) => <li key={person.id} className="pro-person"><About person={person} /></li>)}
          </ul>
        </>
      )}
      {consultation.locked && <Notice>{t.lockedNow}</Notice>}
      <Button icon={<LockIcon />} kind="quiet" busy={action.busy} onClick={doing(() => consultations.lock(id, !consultation.locked))}>{consultation.locked ? t.unlock : t.lock}</Button>
      {consultation.capabilities.includes('invite_more') && <Invite id={id} onChanged={onChanged} />}
    </div>
  )
}

function About({ person }: { person: Person }) {
  const { t } = useWords()
  const { t: desk } = useDeskWords()
  return (
    <>
      <p>
        <strong>{person.name === '' ? t.noName : person.name}</strong>, {t.roles[person.role]} <Chip tone={person.here && PRESENT_OR_WAITING.includes(person.state) ? 'good' : 'neutral'}>{t.states[person.state]}</Chip>
      </p>
      <p className="pro-row">
        {person.device_verdict !== undefined && person.device_verdict !== null && <Chip tone={VERDICT_TONES[person.device_verdict]}>{t.verdicts[person.device_verdict]}</Chip>}
        {AWAY.includes(person.state) && !person.here && <Chip tone="warn">{desk.away}</Chip>}
        {person.picture_suspended === true && <Chip tone="warn">{desk.missesOne}</Chip>}
        {person.consent === 'refused' && <Chip tone="bad">{t.consentRefused}</Chip>}
        {person.state === 'waiting' && (person.consent === undefined || person.consent === null) && <Chip tone="warn">{t.consentMissing}</Chip>}
        {person.role === 'patient' && person.identity_passed === false && <Chip tone="warn">{t.identityFailed}</Chip>}
      </p>
      {person.place !== undefined && person.place !== null && <p>{t.place(person.place)}</p>}
      {person.callback !== undefined && person.callback !== null && <p>{t.callback(person.callback)}</p>}
    </>
  )
}

function Invite({ id, onChanged }: { id: string; onChanged: () => void }) {
  const { language, t } = useWords()
  const tell = useToast()
  const [typed, setTyped] = useState(NEW_GUEST)
  const [key, setKey] = useState(newKey)
  const action = useAction()
  const error = useFieldError(action.problem)
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault()
    void action.run(async () => {
      await invitations.add(id, guestInput(typed, language), key)
      setTyped(NEW_GUEST)
      setKey(newKey())
      tell(t.invited)
      onChanged()
    })
  }
  return (
    <details className="pro-more">
      <summary>{t.inviteTitle}</summary>
      <form className="pro-stack" onSubmit={submit}>
        <GuestFields typed={typed} pointer="" error={error} onChange={(next) => {
          setTyped(next)
          setKey(newKey())
        }} />
        <ProblemNotice problem={action.problem} />
        <Button icon={<SendIcon />} type="submit" busy={action.busy}>{t.invite}</Button>
      </form>
    </details>
  )
}
