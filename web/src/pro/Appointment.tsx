import { useState, type SyntheticEvent } from 'react'
import { consultations } from '../api/clinic'
import { newKey, request } from '../api/client'
import { useAction, useLoad } from '../api/useAction'
import type { Contact, Facility, GuestInput, GuestRole, PatientInput, Sex, SlotInput } from '../api/types'
import { useMe } from '../auth/session'
import { useWords } from '../i18n/pro'
import { Button } from '../ui/Button'
import { CloseIcon } from '../ui/icons'
import { PlusIcon, TrashIcon } from '../ui/deskIcons'
import { Card } from '../ui/Card'
import { SelectField, TextField } from '../ui/Field'
import { useToast } from '../ui/Toasts'
import { Frame } from './Frame'
import { blank, firstNames, phoneAsTyped, wallTime } from './format'
import { ProblemNotice, To, useFieldError } from './parts'
import { go, paths } from './router'

export interface TypedPatient {
  birth_name: string
  used_name: string
  first_names: string
  birth_date: string
  sex: Sex
  birth_place_cog: string
  attending_physician: string
  representative: string
  nir: string
}
export const NOBODY: TypedPatient = {
  birth_name: '', used_name: '', first_names: '', birth_date: '', sex: 'U', birth_place_cog: '', attending_physician: '', representative: '', nir: '',
}

/** What is left empty is not sent. */
export function patientInput(typed: TypedPatient): PatientInput {
  const optional = (['used_name', 'birth_place_cog', 'attending_physician', 'representative'] as const).flatMap((field) => {
    const text = blank(typed[field])
    return text === undefined ? [] : [[field, text] as const]
  })
  const nir = typed.nir.replace(/\s/g, '')
  return {
    birth_name: typed.birth_name.trim(),
    first_names: firstNames(typed.first_names),
    birth_date: typed.birth_date,
    sex: typed.sex,
    ...Object.fromEntries(optional),
    ...(nir === '' ? {} : { nir }),
  }
}

export type Way = 'email' | 'sms' | 'both' | 'copy'
/** One contact for each way a link goes out. */
export function contactsOf(way: Way, to: { recipient: 'patient' | 'carer' | 'facility'; name: string; email: string; phone: string; locale: string }): Contact[] {
  const name = blank(to.name)
  const common = { recipient: to.recipient, locale: to.locale, ...(name === undefined ? {} : { name }) }
  const mail: Contact = { ...common, channel: 'email', email: to.email.trim() }
  const sms: Contact = { ...common, channel: 'sms', phone: to.phone }
  if (way === 'both') return [mail, sms]
  if (way === 'copy') return [{ ...common, channel: 'copy' }]
  return [way === 'email' ? mail : sms]
}

export function PatientFields({ typed, onChange, error }: { typed: TypedPatient; onChange: (typed: TypedPatient) => void; error: (pointer: string) => string | undefined }) {
  const { t } = useWords()
  const field = (name: keyof TypedPatient) => ({
    value: typed[name],
    error: error(`/patient/${name}`),
    onChange: (event: { target: { value: string } }) => onChange({ ...typed, [name]: event.target.value }),
  })
  return (
    <>
      <div className="pro-grid">
        <TextField label={t.birthName} required autoComplete="off" {...field('birth_name')} />
        <TextField label={t.firstNames} hint={t.firstNamesHint} required autoComplete="off" {...field('first_names')} />
        <TextField label={t.usedName} optional autoComplete="off" {...field('used_name')} />
        <TextField label={t.birthDate} type="date" required {...field('birth_date')} />
        <SelectField label={t.sex} {...field('sex')}>
          {(['F', 'M', 'U'] as const).map((sex) => <option key={sex} value={sex}>{t.sexes[sex]}</option>)}
        </SelectField>
        <TextField label={t.birthPlace} optional autoComplete="off" maxLength={5} {...field('birth_place_cog')} />
        <TextField label={t.physician} optional autoComplete="off" {...field('attending_physician')} />
        <TextField label={t.representative} optional autoComplete="off" {...field('representative')} />
      </div>
      <details className="pro-more">
        <summary>{t.billing}</summary>
        <TextField label={t.nir} hint={t.nirHint} optional autoComplete="off" inputMode="numeric" maxLength={21} {...field('nir')} />
      </details>
    </>
  )
}

const DURATIONS = [15, 20, 30, 45, 60]
const HALF_HOUR_MS = 1_800_000

export function SlotFields({ start, minutes, onStart, onMinutes, error }: { start: string; minutes: number; onStart: (start: string) => void; onMinutes: (minutes: number) => void; error: (pointer: string) => string | undefined }) {
  const { t } = useWords()
  const { me } = useMe()
  const choices = [...new Set([...DURATIONS, minutes])].sort((a, b) => a - b)
  return (
    <div className="pro-grid">
      <TextField label={t.start} type="datetime-local" required value={start} error={error('/slot/start')} hint={me.time_zone === 'Europe/Paris' ? undefined : t.zone(me.time_zone)} onChange={(event) => onStart(event.target.value)} />
      <SelectField label={t.duration} value={minutes} error={error('/slot/duration_minutes')} onChange={(event) => onMinutes(Number(event.target.value))}>
        {choices.map((each) => <option key={each} value={each}>{t.minutes(each)}</option>)}
      </SelectField>
    </div>
  )
}

/** Values of a slot that is being chosen, beginning in half an hour. */
export function useSlot(begin?: string) {
  const { me } = useMe()
  const [start, setStart] = useState(() => wallTime(begin === undefined ? new Date(Date.now() + HALF_HOUR_MS) : new Date(begin), me.time_zone))
  const [minutes, setMinutes] = useState(me.defaults.slot_minutes)
  const slot: SlotInput = { start, duration_minutes: minutes, zone: me.time_zone }
  return { slot, fields: { start, minutes, onStart: setStart, onMinutes: setMinutes } }
}

const GUEST_ROLES: readonly GuestRole[] = ['bedside_professional', 'carer', 'interpreter', 'co_professional', 'facility_staff']
export interface TypedGuest {
  role: GuestRole
  name: string
  channel: 'email' | 'sms'
  to: string
}
export const NEW_GUEST: TypedGuest = { role: 'bedside_professional', name: '', channel: 'email', to: '' }
export const guestInput = (typed: TypedGuest, locale: string): GuestInput => ({
  role: typed.role,
  name: typed.name.trim(),
  channel: typed.channel,
  locale,
  ...(typed.channel === 'email' ? { email: typed.to.trim() } : { phone: typed.to }),
})

export function GuestFields({ typed, onChange, pointer, error }: { typed: TypedGuest; onChange: (typed: TypedGuest) => void; pointer: string; error: (pointer: string) => string | undefined }) {
  const { t } = useWords()
  const sms = typed.channel === 'sms'
  return (
    <div className="pro-grid">
      <SelectField label={t.role} value={typed.role} onChange={(event) => onChange({ ...typed, role: event.target.value as GuestRole })}>
        {GUEST_ROLES.map((role) => <option key={role} value={role}>{t.roles[role]}</option>)}
      </SelectField>
      <TextField label={t.name} required autoComplete="off" value={typed.name} error={error(`${pointer}/name`)} onChange={(event) => onChange({ ...typed, name: event.target.value })} />
      <SelectField label={t.channel} value={typed.channel} onChange={(event) => onChange({ ...typed, channel: event.target.value as 'email' | 'sms', to: '' })}>
        <option value="email">{t.channels.email}</option>
        <option value="sms">{t.channels.sms}</option>
      </SelectField>
      <TextField label={sms ? t.patientPhone : t.patientEmail} type={sms ? 'tel' : 'email'} required autoComplete="off" value={typed.to} error={error(`${pointer}/${sms ? 'phone' : 'email'}`)} onChange={(event) => onChange({ ...typed, to: sms ? phoneAsTyped(event.target.value) : event.target.value })} />
    </div>
  )
}

/** A new appointment on one page: patient, contact, slot, third persons. */
export function Appointment() {
  const { language, t } = useWords()
  const tell = useToast()
  const facilities = useLoad('facilities', () => request<{ items: Facility[] }>('/api/v1/facilities'))
  const [patient, setPatient] = useState(NOBODY)
  const [way, setWay] = useState<Way>('sms')
  const [to, setTo] = useState<Parameters<typeof contactsOf>[1]>({ recipient: 'patient', name: '', email: '', phone: '', locale: language })
  const [now, setNow] = useState(false)
  const [facility, setFacility] = useState('')
  const [guests, setGuests] = useState<readonly (TypedGuest & { key: string })[]>([])
  const { slot, fields } = useSlot()
  const [sentKey, setSentKey] = useState<{ body: string; key: string }>()
  const action = useAction()
  const error = useFieldError(action.problem)

  const submit = (event: SyntheticEvent): void => {
    event.preventDefault()
    const body = {
      kind: 'dossier' as const,
      patient: patientInput(patient),
      contacts: contactsOf(way, to),
      participants: guests.map((guest) => guestInput(guest, to.locale)),
      ...(now ? { now: true } : { slot }),
      ...(facility === '' ? {} : { facility_id: facility }),
    }
    // The same wish keeps its key, so that a second try after a lost answer makes no second appointment.
    const text = JSON.stringify(body)
    const key = sentKey?.body === text ? sentKey.key : newKey()
    setSentKey({ body: text, key })
    void action.run(async () => {
      const made = await consultations.create(body, key)
      const warnings = made.warnings.map((warning) => (warning.code === 'overlap' ? t.warnOverlap : t.warnDuplicate))
      tell([t.created, ...warnings].join(' '))
      go(paths.consultation(made.id))
    })
  }
  return (
    <Frame title={t.appointmentTitle} screen="appointment">
      <form className="pro-stack" onSubmit={submit}>
        <Card title={t.blockPatient} wide>
          <PatientFields typed={patient} onChange={setPatient} error={error} />
        </Card>
        <Card title={t.blockContact} wide>
          <div className="pro-grid">
            <SelectField label={t.recipient} value={to.recipient} onChange={(event) => setTo({ ...to, recipient: event.target.value as typeof to.recipient })}>
              {(['patient', 'carer', 'facility'] as const).map((each) => <option key={each} value={each}>{t.recipients[each]}</option>)}
            </SelectField>
            {to.recipient !== 'patient' && <TextField label={t.recipientName} required autoComplete="off" value={to.name} error={error('/contacts/0/name')} onChange={(event) => setTo({ ...to, name: event.target.value })} />}
            <SelectField label={t.channel} value={way} onChange={(event) => setWay(event.target.value as Way)}>
              {(['sms', 'email', 'both', 'copy'] as const).map((each) => <option key={each} value={each}>{t.channels[each]}</option>)}
            </SelectField>
            {(way === 'email' || way === 'both') && <TextField label={t.patientEmail} type="email" required autoComplete="off" value={to.email} error={error('/contacts/0/email')} onChange={(event) => setTo({ ...to, email: event.target.value })} />}
            {(way === 'sms' || way === 'both') && <TextField label={t.patientPhone} type="tel" required autoComplete="off" value={to.phone} error={error(`/contacts/${way === 'both' ? 1 : 0}/phone`)} onChange={(event) => setTo({ ...to, phone: phoneAsTyped(event.target.value) })} />}
            <SelectField label={t.language} value={to.locale} onChange={(event) => setTo({ ...to, locale: event.target.value })}>
              <option value="fr">{t.languages.fr}</option>
              <option value="en">{t.languages.en}</option>
            </SelectField>
          </div>
        </Card>
        <Card title={t.blockSlot} wide>
          <SelectField label={t.when} value={now ? 'now' : 'later'} onChange={(event) => setNow(event.target.value === 'now')}>
            <option value="later">{t.whenLater}</option>
            <option value="now">{t.whenNow}</option>
          </SelectField>
          {!now && <SlotFields {...fields} error={error} />}
          {(facilities.value?.items.length ?? 0) > 0 && (
            <SelectField label={t.facility} optional value={facility} onChange={(event) => setFacility(event.target.value)}>
              <option value="">{t.noFacility}</option>
              {facilities.value?.items.map((each) => <option key={each.id} value={each.id}>{each.name}</option>)}
            </SelectField>
          )}
        </Card>
        <Card title={t.blockThird} wide>
          {guests.map((guest, index) => (
            <fieldset key={guest.key} className="pro-set">
              <legend>{t.thirdPerson(index + 1)}</legend>
              <GuestFields typed={guest} pointer={`/participants/${index}`} error={error} onChange={(typed) => setGuests(guests.map((each) => (each.key === guest.key ? { ...typed, key: each.key } : each)))} />
              <Button icon={<TrashIcon />} kind="quiet" className="button-small" onClick={() => setGuests(guests.filter((each) => each.key !== guest.key))}>{t.thirdRemove}</Button>
            </fieldset>
          ))}
          <Button icon={<PlusIcon />} kind="quiet" onClick={() => setGuests([...guests, { ...NEW_GUEST, key: newKey() }])}>{t.thirdAdd}</Button>
        </Card>
        <ProblemNotice problem={action.problem} />
        <div className="pro-row">
          <Button icon={<PlusIcon />} type="submit" busy={action.busy}>{t.create}</Button>
          <To path={paths.list} className="button button-quiet"><CloseIcon /> <span>{t.cancel}</span></To>
        </div>
      </form>
    </Frame>
  )
}
