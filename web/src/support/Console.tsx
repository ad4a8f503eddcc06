import { useState, type SyntheticEvent } from 'react'
import { newKey } from '../api/client'
import { useAction } from '../api/useAction'
import type { Invitation } from '../api/types'
import { useSupportWords } from '../i18n/support'
import { useWords } from '../i18n/pro'
import { dayTime, lasting } from '../pro/format'
import { Frame } from '../pro/Frame'
import { ProblemNotice } from '../pro/parts'
import { paths } from '../pro/router'
import { Button } from '../ui/Button'
import { ClockIcon, SearchIcon } from '../ui/deskIcons'
import { SendIcon } from '../ui/icons'
import { Card } from '../ui/Card'
import { Chip, Light } from '../ui/Chip'
import { TextField } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { useToast } from '../ui/Toasts'
import { Plot } from '../operator/Plot'
import '../admin/admin.css'
import '../operator/operator.css'
import { extend, read, resend, type About, type Bundle } from './api'
import type { Diagnostic } from './bundle'
import { timeline, type Moment } from './timeline'

const EXTEND_MIN = 15

/** `/support`: by the code that somebody reads out, what happened on that device, and nothing about the person. */
export default function Console() {
  const { t } = useSupportWords()
  const [typed, setTyped] = useState('')
  const [bundle, setBundle] = useState<Bundle>()
  const action = useAction()
  const find = (event: SyntheticEvent): void => {
    event.preventDefault()
    setBundle(undefined)
    void action.run(async () => setBundle(await read(typed.replace(/\s/g, '').toUpperCase())))
  }
  const unknown = action.problem?.status === 404
  return (
    <Frame title={t.title} screen="support" at={paths.support}>
      <Card wide>
        <form className="stack" onSubmit={find}>
          <TextField
            label={t.code}
            hint={t.codeHint}
            required
            autoComplete="off"
            autoCapitalize="characters"
            spellCheck={false}
            maxLength={12}
            error={unknown ? t.codeUnknown : undefined}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          {!unknown && <ProblemNotice problem={action.problem} />}
          <div className="row">
            <Button icon={<SearchIcon />} type="submit" busy={action.busy}>{t.find}</Button>
          </div>
        </form>
      </Card>
      {bundle !== undefined && <Found key={bundle.code} bundle={bundle} onChanged={setBundle} />}
    </Frame>
  )
}

function Found({ bundle, onChanged }: { bundle: Bundle; onChanged: (bundle: Bundle) => void }) {
  const { language, t } = useSupportWords()
  const { consultation, diagnostic } = bundle
  return (
    <>
      <p role="status">{t.found(bundle.code, dayTime(bundle.made_at, language), t.by[bundle.by])}</p>
      <Facts diagnostic={diagnostic} />
      <Line moments={timeline(bundle)} />
      <Quality series={diagnostic.quality ?? []} />
      {consultation === undefined || consultation === null ? (
        <Card wide title={t.consultation}>
          <p>{t.noConsultation}</p>
        </Card>
      ) : (
        <Consultation code={bundle.code} about={consultation} onChanged={onChanged} />
      )}
    </>
  )
}

function Facts({ diagnostic }: { diagnostic: Diagnostic }) {
  const { t } = useSupportWords()
  const { browser, os, device, permissions = {}, devices, probe = {}, ice } = diagnostic
  const versioned = (each: { family: string; major?: number } | undefined): string => (each === undefined ? t.unknown : (each.major ?? 0) > 0 ? `${each.family} ${String(each.major)}` : each.family)
  const rows: [string, string][] = [
    [t.page, t.pages[diagnostic.page] ?? diagnostic.page],
    [t.browser, versioned(browser)],
    [t.system, versioned(os)],
    [t.device, device === undefined ? t.unknown : (t.deviceKinds[device] ?? device)],
    ...Object.entries(permissions).map(([name, state]): [string, string] => [t.permissions[name] ?? name, t.permissionStates[state] ?? state]),
    [t.devices, devices === undefined ? t.unknown : t.counts(String(devices.cameras), String(devices.microphones), String(devices.speakers))],
    ...Object.entries(probe).map(([name, value]): [string, string] => [t.probe[name] ?? name, typeof value === 'boolean' ? (value ? t.works : t.blocked) : (t.verdicts[String(value)] ?? String(value))]),
    ...(ice === undefined ? [] : [[t.ice, [ice.transport, ice.state, `${ice.local?.join('/') ?? ''} → ${ice.remote?.join('/') ?? ''}`].filter((part) => part !== undefined).join(', ')] as [string, string]]),
  ]
  return (
    <Card wide title={t.factsTitle}>
      <dl className="facts">
        {rows.map(([name, value]) => (
          <div key={name} className="facts-row">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Card>
  )
}

function Line({ moments }: { moments: readonly Moment[] }) {
  const { language, t } = useSupportWords()
  const words = (moment: Moment): string => (t.events[moment.word] ?? moment.word) + (moment.seconds === undefined ? '' : ` (${lasting(moment.seconds)})`)
  const time = (at: number): string => new Intl.DateTimeFormat(language, { timeStyle: 'medium' }).format(at)
  return (
    <Card wide title={t.timeline}>
      {moments.length === 0 && <p>{t.timelineEmpty}</p>}
      <ol className="time-line">
        {moments.map((moment, at) => (
          <li key={at}>
            <time dateTime={new Date(moment.at).toISOString()}>{time(moment.at)}</time>
            <Light tone={moment.bad ? 'bad' : 'neutral'}>{words(moment)}</Light>
            {moment.role !== undefined && <span className="field-hint">{t.roles[moment.role] ?? moment.role}</span>}
          </li>
        ))}
      </ol>
    </Card>
  )
}

function Quality({ series }: { series: NonNullable<Diagnostic['quality']> }) {
  const { language, t } = useSupportWords()
  const [first, last] = [series[0], series.at(-1)]
  if (first === undefined || last === undefined) return null
  const span = last.at_s - first.at_s
  const number = (unit: string) => (value: number): string => `${new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(value)} ${unit}`
  const of = (name: string, read: (each: (typeof series)[number]) => number | undefined) => ({ name, values: series.map(read) })
  return (
    <div className="plots">
      <Plot title={t.roundTrip} span={span} least={100} text={number('ms')} series={[of(t.roundTrip, (each) => each.rtt_ms)]} />
      <Plot title={t.loss} span={span} least={5} text={number('%')} series={[of(t.loss, (each) => (each.loss_permille === undefined ? undefined : each.loss_permille / 10))]} />
      <Plot title={t.rate} span={span} least={500} text={number('kbit/s')} series={[of(t.up, (each) => each.up_kbps), of(t.down, (each) => each.down_kbps)]} />
    </div>
  )
}

function Consultation({ code, about, onChanged }: { code: string; about: About; onChanged: (bundle: Bundle) => void }) {
  const { language, t } = useSupportWords()
  const { t: pro } = useWords()
  const tell = useToast()
  const action = useAction()
  const live = ['open', 'in_progress', 'interrupted'].includes(about.status)
  const again = (invitation: Invitation): void => void action.run(async () => {
    await resend(code, invitation.id, newKey())
    tell(t.resent)
    onChanged(await read(code))
  })
  return (
    <Card wide title={t.consultation}>
      <p className="row">
        <Chip tone={live ? 'active' : 'neutral'}>{t.statuses[about.status] ?? about.status}</Chip>
        <span>{t.slot(dayTime(about.slot_start, language), dayTime(about.closes_at, language))}</span>
      </p>
      <ul className="stack">
        {about.participants.map((person, at) => (
          <li key={at} className="row">
            <strong>{t.roles[person.role] ?? person.role}</strong>
            <Chip>{t.states[person.state] ?? person.state}</Chip>
            {person.device !== undefined && person.device !== null && <span>{t.deviceKinds[person.device] ?? person.device}</span>}
          </li>
        ))}
      </ul>
      <h3>{t.invitations}</h3>
      {about.invitations.length === 0 && <p>{t.invitationsEmpty}</p>}
      <ul className="stack">
        {about.invitations.map((invitation) => (
          <li key={invitation.id} className="row">
            <span>{t.roles[invitation.role] ?? invitation.role}, {invitation.destination}</span>
            <Chip>{t.invitationStatuses[invitation.status] ?? invitation.status}</Chip>
            {live && invitation.resends_left > 0 && (invitation.channel === 'sms' || invitation.channel === 'email') && (
              <Button icon={<SendIcon />} kind="quiet" className="button-small" busy={action.busy} aria-label={t.resendTo(invitation.destination)} onClick={() => again(invitation)}>{t.resend}</Button>
            )}
          </li>
        ))}
      </ul>
      {live && about.may_extend && (
        <div className="row">
          <Button icon={<ClockIcon />} kind="quiet" busy={action.busy} onClick={() => void action.run(async () => {
            onChanged(await extend(code, EXTEND_MIN))
            tell(pro.extended)
          })}>{t.extend}</Button>
        </div>
      )}
      {live && !about.may_extend && <Notice>{t.mayNotExtend}</Notice>}
      <ProblemNotice problem={action.problem} />
    </Card>
  )
}
