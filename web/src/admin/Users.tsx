import { useState, type SyntheticEvent, type ReactNode } from 'react'
import { useAction } from '../api/useAction'
import type { Role } from '../api/types'
import { useAdminWords } from '../i18n/admin'
import { useWords } from '../i18n/pro'
import { dayOf, dayTime } from '../pro/format'
import { CopyButton, ProblemNotice } from '../pro/parts'
import { Button } from '../ui/Button'
import { DownIcon, LogOutIcon, PenIcon, SearchIcon, ShieldIcon } from '../ui/deskIcons'
import { CheckIcon, CloseIcon, LockIcon } from '../ui/icons'
import { Card } from '../ui/Card'
import { Chip, type Tone } from '../ui/Chip'
import { Dialog } from '../ui/Dialog'
import { SelectField, TextField } from '../ui/Field'
import { Spinner } from '../ui/Progress'
import { useToast } from '../ui/Toasts'
import { nameOf, ROLES, STATUSES, users, type AccountStatus, type User } from './api'
import { CloseAccount } from './CloseAccount'
import { RolesDialog } from './RolesDialog'
import { usePages } from './usePages'

const TONES: Record<AccountStatus, Tone> = {
  registered: 'neutral', email_verified: 'neutral', pending_approval: 'warn', active: 'good', suspended: 'bad', closed: 'neutral', rejected: 'bad',
}

type Asked = { user: User; what: 'block' | 'resetSecondFactor' | 'endSessions' }

export function Users() {
  const { t } = useAdminWords()
  const { t: pro } = useWords()
  const tell = useToast()
  const [status, setStatus] = useState('')
  const [role, setRole] = useState<Role | ''>('')
  const [typed, setTyped] = useState('')
  const [found, setFound] = useState<readonly User[]>()
  const [asked, setAsked] = useState<Asked>()
  const [changing, setChanging] = useState<User>()
  const pages = usePages(`${status} ${role}`, (cursor) => users.list(status, role, cursor))
  const action = useAction()
  const searching = useAction()

  const search = (event: SyntheticEvent): void => {
    event.preventDefault()
    void searching.run(async () => setFound((await users.search(typed.trim())).items))
  }
  const changed = (user: User, said: string): void => {
    tell(said)
    setAsked(undefined)
    setChanging(undefined)
    setFound((before) => before?.map((each) => (each.id === user.id ? user : each)))
    pages.reload()
  }
  const doing = (work: () => Promise<User>, said: string): void => void action.run(async () => changed(await work(), said))
  const ask = (user: User, what: Asked['what']): void => {
    action.clear()
    setAsked({ user, what })
  }
  const shown = found ?? pages.items
  return (
    <div className="stack">
      <Card wide title={t.usersFind}>
        <div className="pro-grid">
          <SelectField label={t.status} value={status} onChange={(event) => {
            setFound(undefined)
            setStatus(event.target.value)
          }}>
            <option value="">{t.all}</option>
            {STATUSES.map((each) => <option key={each} value={each}>{t.statuses[each]}</option>)}
          </SelectField>
          <SelectField label={t.role} value={role} onChange={(event) => {
            setFound(undefined)
            setRole(event.target.value as Role | '')
          }}>
            <option value="">{t.allRoles}</option>
            {ROLES.map((each) => <option key={each} value={each}>{t.roles[each]}</option>)}
          </SelectField>
        </div>
        <form className="row" onSubmit={search}>
          <TextField label={t.usersByEmail} type="email" required autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} />
          <Button icon={<SearchIcon />} kind="quiet" type="submit" busy={searching.busy}>{t.search}</Button>
          {found !== undefined && <Button icon={<CloseIcon />} kind="quiet" onClick={() => {
            setFound(undefined)
            setTyped('')
          }}>{t.searchEnd}</Button>}
        </form>
        <ProblemNotice problem={searching.problem} />
      </Card>
      <ProblemNotice problem={pages.problem ?? (asked === undefined ? action.problem : undefined)} />
      {shown === undefined && pages.problem === undefined && <Spinner />}
      <p role="status" className={shown?.length === 0 && (found !== undefined || pages.more === undefined) ? undefined : 'unseen'}>{shown?.length === 0 && (found !== undefined || pages.more === undefined) ? t.usersEmpty : ''}</p>
      {shown?.map((user) => (
        <UserCard key={user.id} user={user} busy={action.busy} onAsk={(what) => ask(user, what)} onUnblock={() => doing(() => users.unblock(user.id), t.unblocked)} onRoles={() => setChanging(user)} onClosed={changed} />
      ))}
      {found === undefined && pages.more !== undefined && <Button icon={<DownIcon />} kind="quiet" onClick={pages.more}>{pro.more}</Button>}
      {asked !== undefined && (
        <Dialog title={t.userQuestions[asked.what](nameOf(asked.user))} onClose={() => setAsked(undefined)} actions={
          <>
            <Button icon={<CloseIcon />} kind="quiet" onClick={() => setAsked(undefined)}>{pro.cancel}</Button>
            <Button icon={<CheckIcon />} kind="danger" busy={action.busy} onClick={() => doing(() => users[asked.what](asked.user.id), t.userDone[asked.what])}>{t.userVerbs[asked.what]}</Button>
          </>
        }>
          <p>{t.userWarnings[asked.what]}</p>
          <ProblemNotice problem={action.problem} />
        </Dialog>
      )}
      {changing !== undefined && <RolesDialog user={changing} onClose={() => setChanging(undefined)} onChanged={(user) => changed(user, t.rolesChanged)} />}
    </div>
  )
}

interface UserCardProps {
  user: User
  busy: boolean
  onAsk: (what: Asked['what']) => void
  onUnblock: () => void
  onRoles: () => void
  onClosed: (user: User, said: string) => void
}

function UserCard({ user, busy, onAsk, onUnblock, onRoles, onClosed }: UserCardProps) {
  const { language, t } = useAdminWords()
  const name = nameOf(user)
  const act = (icon: ReactNode, word: string, onClick: () => void) => <Button icon={icon} kind="quiet" className="button-small" busy={busy} aria-label={t.about(word, name)} onClick={onClick}>{word}</Button>
  return (
    <Card wide title={name}>
      <p className="row">
        <Chip tone={TONES[user.status]}>{t.statuses[user.status]}</Chip>
        {user.roles.map((role) => <Chip key={role}>{t.roles[role]}</Chip>)}
      </p>
      <dl className="facts">
        <dt>{t.email}</dt>
        <dd>{user.email}</dd>
        <dt>{t.number}</dt>
        <dd>{user.national_number ?? t.none}</dd>
        <dt>{t.identifier}</dt>
        <dd><code>{user.id}</code> <CopyButton text={user.id} label={t.about(t.copyId, name)} /></dd>
        <dt>{t.lastLogin}</dt>
        <dd>{user.last_login_at === undefined || user.last_login_at === null ? t.neverLoggedIn(dayOf(user.created_at, language)) : dayTime(user.last_login_at, language)}</dd>
        <dt>{t.secondFactor}</dt>
        <dd>{user.second_factor ? t.secondFactorSet : t.secondFactorMissing}</dd>
        <dt>{t.sessions}</dt>
        <dd>{user.sessions}</dd>
      </dl>
      {user.last_administrator && <p className="field-hint">{t.lastAdministrator}</p>}
      <div className="row">
        {user.status === 'active' && !user.last_administrator && act(<LockIcon />, t.userVerbs.block, () => onAsk('block'))}
        {user.status === 'suspended' && act(<CheckIcon />, t.unblock, onUnblock)}
        {act(<PenIcon />, t.changeRoles, onRoles)}
        {user.second_factor && act(<ShieldIcon />, t.userVerbs.resetSecondFactor, () => onAsk('resetSecondFactor'))}
        {user.sessions > 0 && act(<LogOutIcon />, t.userVerbs.endSessions, () => onAsk('endSessions'))}
        {user.status !== 'closed' && !user.last_administrator && <CloseAccount user={user} onClosed={onClosed} />}
      </div>
    </Card>
  )
}
