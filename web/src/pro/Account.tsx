import { useState, type SyntheticEvent } from 'react'
import { auth, me as meApi } from '../api/clinic'
import { leaveFor } from '../api/client'
import { useAction } from '../api/useAction'
import type { IdentityCheck } from '../api/types'
import { Enrolment, RecoveryCodes } from '../auth/SecondFactor'
import { useMe, useSession } from '../auth/session'
import { useWords as useDeskWords } from '../i18n/desk'
import { useWords } from '../i18n/pro'
import { Button } from '../ui/Button'
import { KeyIcon, LogInIcon, LogOutIcon, ShieldIcon } from '../ui/deskIcons'
import { CheckIcon, RetryIcon } from '../ui/icons'
import { Card } from '../ui/Card'
import { SelectField, TextField } from '../ui/Field'
import { useToast } from '../ui/Toasts'
import { AlertChoice } from './AlertChoice'
import { Closing } from './Closing'
import { Frame, useLogout } from './Frame'
import { usePresentAction } from './Presence'
import { dayTime, phoneAsTyped } from './format'
import { ProblemNotice, useFieldError } from './parts'
import { ActivationCard } from './payment/Activation'
import { paths, rememberPlace } from './router'
import { Sessions } from './Sessions'
import { SignatureCard } from './signature/SignatureCard'

export function Account() {
  const { t } = useWords()
  const { me } = useMe()
  return (
    <Frame title={t.accountTitle} screen="account" at={paths.account}>
      <Profile />
      <SignatureCard />
      {me.tool_open && <ActivationCard />}
      <Notifications />
      <Security />
      <Sessions />
      <Leaving />
      <Closing />
    </Frame>
  )
}

function Profile() {
  const { t } = useWords()
  const { me, reload } = useMe()
  const tell = useToast()
  const [given, setGiven] = useState({
    title: me.title, mobile: me.mobile ?? '', department: me.department ?? '', name: me.practice.name ?? '', address: me.practice.address ?? '', phone: me.practice.phone ?? '',
    time_zone: me.time_zone, display_name: me.defaults.display_name, slot: me.defaults.slot_minutes, early: me.defaults.early_minutes,
    late: me.defaults.late_minutes, check: me.defaults.identity_check,
  })
  const action = useAction()
  const error = useFieldError(action.problem)
  const put = (field: keyof typeof given) => (event: { target: { value: string } }) => setGiven({ ...given, [field]: event.target.value })
  const count = (field: 'slot' | 'early' | 'late') => (event: { target: { value: string } }) => setGiven({ ...given, [field]: Number(event.target.value) })
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault()
    void action.run(async () => {
      // The newest version: what others changed in the meantime is not in these fields.
      const { value, etag } = await meApi.get()
      await meApi.change({
        title: given.title.trim(),
        ...(given.mobile.trim() === '' ? {} : { mobile: given.mobile }),
        ...(given.department.trim() === '' ? {} : { department: given.department.trim() }),
        practice: { ...value.practice, name: given.name.trim(), address: given.address.trim(), phone: given.phone.trim() === '' ? null : given.phone.trim() },
        time_zone: given.time_zone.trim(),
        defaults: { ...value.defaults, display_name: given.display_name.trim(), slot_minutes: given.slot, early_minutes: given.early, late_minutes: given.late, identity_check: given.check },
      }, etag)
      tell(t.saved)
      reload()
    })
  }
  return (
    <form className="pro-stack" onSubmit={submit}>
      <Card wide title={t.accountProfile}>
        <p>{me.first_name} {me.exercise_name}, {me.id_type.toUpperCase()} {me.national_number}, {me.email}</p>
        <div className="pro-grid">
          <TextField label={t.title} optional maxLength={30} value={given.title} onChange={put('title')} error={error('/title')} />
          <TextField label={t.displayName} optional value={given.display_name} onChange={put('display_name')} error={error('/defaults')} />
          <TextField label={t.mobile} optional type="tel" autoComplete="tel" value={given.mobile} error={error('/mobile')} onChange={(event) => setGiven({ ...given, mobile: phoneAsTyped(event.target.value) })} />
          <TextField label={t.practiceName} optional value={given.name} onChange={put('name')} />
          <TextField label={t.practiceAddress} optional value={given.address} onChange={put('address')} error={error('/practice')} />
          <TextField label={t.practicePhone} optional type="tel" value={given.phone} onChange={put('phone')} />
          <TextField label={t.department} optional maxLength={3} value={given.department} onChange={put('department')} error={error('/department')} />
          <TextField label={t.timeZone} required value={given.time_zone} onChange={put('time_zone')} error={error('/time_zone')} />
        </div>
      </Card>
      <Card wide title={t.accountDefaults}>
        <div className="pro-grid">
          <TextField label={t.slotMinutes} type="number" min={5} max={240} required value={given.slot} onChange={count('slot')} />
          <TextField label={t.earlyMinutes} type="number" min={0} max={240} required value={given.early} onChange={count('early')} />
          <TextField label={t.lateMinutes} type="number" min={0} max={240} required value={given.late} onChange={count('late')} />
          <SelectField label={t.identityCheck} value={given.check} onChange={(event) => setGiven({ ...given, check: event.target.value as IdentityCheck })}>
            {(['none', 'first_letters', 'birth_date', 'code'] as const).map((each) => <option key={each} value={each}>{t.identityChecks[each]}</option>)}
          </SelectField>
        </div>
        <ProblemNotice problem={action.problem} />
        <Button icon={<CheckIcon />} type="submit" busy={action.busy}>{t.save}</Button>
      </Card>
    </form>
  )
}

function Security() {
  const { t } = useWords()
  const { setSession } = useSession()
  const { me, reload } = useMe()
  const tell = useToast()
  const [password, setPassword] = useState('')
  const [codes, setCodes] = useState<string[]>()
  const [enrolling, setEnrolling] = useState(false)
  const action = usePresentAction()
  const error = useFieldError(action.problem)
  const doing = (work: () => Promise<unknown>): void => void action.run(work)
  const attach = (way: 'psc' | 'cps'): void => doing(async () => {
    rememberPlace()
    await leaveFor(`/api/v1/auth/${way}/start?purpose=attach`)
  })
  return (
    <Card wide title={t.accountSecurity}>
      <div className="pro-stack">
        <form className="pro-stack" onSubmit={(event) => {
          event.preventDefault()
          doing(async () => {
            setSession(await meApi.setPassword(password))
            setPassword('')
            tell(t.passwordChanged)
          })
        }}>
          <TextField label={t.newPassword} hint={t.passwordHint} type="password" autoComplete="new-password" required value={password} error={error('/password')} onChange={(event) => setPassword(event.target.value)} />
          <Button icon={<KeyIcon />} type="submit" kind="quiet" busy={action.busy}>{t.changePassword}</Button>
        </form>
        <ProblemNotice problem={action.problem} />
        {me.second_factor && <p>{t.codesLeft(me.recovery_codes_left)}</p>}
        {codes !== undefined && <RecoveryCodes codes={codes} onNoted={() => {
          setCodes(undefined)
          reload()
        }} />}
        {enrolling && <Enrolment onDone={(session) => {
          setSession(session)
          setEnrolling(false)
          reload()
        }} />}
        <div className="pro-row">
          {me.second_factor && (
            <Button icon={<RetryIcon />} kind="quiet" busy={action.busy} onClick={() => doing(async () => {
              const made = await auth.newRecoveryCodes()
              setSession(made.session)
              setCodes(made.recovery_codes)
            })}>
              {t.codesNew}
            </Button>
          )}
          <Button icon={<ShieldIcon />} kind="quiet" onClick={() => setEnrolling(true)}>{t.mfaNew}</Button>
          <Button icon={<LogInIcon />} kind="quiet" busy={action.busy} onClick={() => attach('psc')}>{t.attachPsc}</Button>
          <Button icon={<LogInIcon />} kind="quiet" busy={action.busy} onClick={() => attach('cps')}>{t.attachCps}</Button>
        </div>
      </div>
      {action.question}
    </Card>
  )
}

function Notifications() {
  const { t } = useDeskWords()
  return (
    <Card wide title={t.notifications}>
      <p>{t.notificationsText}</p>
      <AlertChoice />
    </Card>
  )
}

function Leaving() {
  const { language, t } = useWords()
  const { session } = useSession()
  const { busy, logout, notice } = useLogout()
  return (
    <Card wide title={t.accountSession}>
      {session !== null && <p>{t.sessionUntil(dayTime(session.expires_at, language))}</p>}
      {notice}
      <Button icon={<LogOutIcon />} kind="danger" busy={busy} onClick={logout}>{t.logout}</Button>
    </Card>
  )
}
