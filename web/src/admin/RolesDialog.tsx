import { useEffect, useState } from 'react'
import { useAction } from '../api/useAction'
import type { Role } from '../api/types'
import { useAdminWords } from '../i18n/admin'
import { useWords } from '../i18n/pro'
import { ProblemNotice, useFieldError } from '../pro/parts'
import { Button } from '../ui/Button'
import { PlusIcon, TrashIcon } from '../ui/deskIcons'
import { CheckIcon, CloseIcon } from '../ui/icons'
import { Dialog } from '../ui/Dialog'
import { CheckField, TextField } from '../ui/Field'
import { nameOf, ROLES, users, type User } from './api'

/** What somebody is here; a secretary also for whom. */
export function RolesDialog({ user, onClose, onChanged }: { user: User; onClose: () => void; onChanged: (user: User) => void }) {
  const { t } = useAdminWords()
  const { t: pro } = useWords()
  const [roles, setRoles] = useState<readonly Role[]>(user.roles)
  const [employers, setEmployers] = useState<readonly { id: string; name: string }[]>(user.works_for.map((id) => ({ id, name: id })))
  const [typed, setTyped] = useState('')
  const [missing, setMissing] = useState(false)
  const action = useAction()
  const adding = useAction()
  const error = useFieldError(action.problem)
  useEffect(() => {
    let here = true
    void Promise.all(user.works_for.map((id) => users.get(id).then((found) => ({ id, name: nameOf(found) }), () => ({ id, name: id })))).then((named) => {
      if (here) setEmployers((before) => before.map((each) => named.find(({ id }) => id === each.id) ?? each))
    })
    return () => {
      here = false
    }
  }, [user.works_for])
  const add = (): void => void adding.run(async () => {
    const [found] = (await users.search(typed.trim())).items
    setMissing(found === undefined)
    if (found === undefined) return
    if (!employers.some(({ id }) => id === found.id)) setEmployers([...employers, { id: found.id, name: nameOf(found) }])
    setTyped('')
  })
  const secretary = roles.includes('secretary')
  const save = (): void => void action.run(async () => onChanged(await users.setRoles(user.id, roles, secretary ? employers.map(({ id }) => id) : [])))
  return (
    <Dialog title={t.rolesTitle(nameOf(user))} onClose={onClose} actions={
      <>
        <Button icon={<CloseIcon />} kind="quiet" onClick={onClose}>{pro.cancel}</Button>
        <Button icon={<CheckIcon />} busy={action.busy} onClick={save}>{pro.save}</Button>
      </>
    }>
      <fieldset className="pro-set">
        <legend>{t.rolesLegend}</legend>
        {ROLES.map((role) => (
          <CheckField
            key={role}
            label={t.roles[role]}
            hint={t.roleHints[role]}
            checked={roles.includes(role)}
            disabled={role === 'org_admin' && user.last_administrator}
            onChange={(event) => setRoles(event.target.checked ? [...roles, role] : roles.filter((each) => each !== role))}
          />
        ))}
        {error('/roles') !== undefined && <p className="field-error" role="alert">{t.rolesEmpty}</p>}
      </fieldset>
      {secretary && (
        <fieldset className="pro-set">
          <legend>{t.worksFor}</legend>
          {employers.length === 0 && <p>{t.worksForNobody}</p>}
          <ul className="stack">
            {employers.map(({ id, name }) => (
              <li key={id} className="row">
                <span>{name}</span>
                <Button icon={<TrashIcon />} kind="quiet" className="button-small" aria-label={t.about(t.removeEmployer, name)} onClick={() => setEmployers(employers.filter((each) => each.id !== id))}>{t.removeEmployer}</Button>
              </li>
            ))}
          </ul>
          <TextField label={t.employerEmail} type="email" autoComplete="off" error={missing ? t.usersEmpty : error('/works_for')} value={typed} onChange={(event) => {
            setTyped(event.target.value)
            setMissing(false)
          }} />
          <Button icon={<PlusIcon />} kind="quiet" busy={adding.busy} disabled={typed.trim() === ''} onClick={add}>{t.addEmployer}</Button>
          <ProblemNotice problem={adding.problem} />
        </fieldset>
      )}
      {error('/roles') === undefined && error('/works_for') === undefined && <ProblemNotice problem={action.problem} />}
    </Dialog>
  )
}
