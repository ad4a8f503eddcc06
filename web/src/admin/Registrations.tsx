import { useState } from 'react'
import { admin, auth } from '../api/clinic'
import { useAction, useLoad } from '../api/useAction'
import type { PendingAccount } from '../api/types'
import { useAdminWords } from '../i18n/admin'
import { useWords } from '../i18n/pro'
import { blank, dayOf } from '../pro/format'
import { ProblemNotice } from '../pro/parts'
import { Button } from '../ui/Button'
import { DownIcon } from '../ui/deskIcons'
import { CheckIcon, CloseIcon } from '../ui/icons'
import { Card } from '../ui/Card'
import { Dialog } from '../ui/Dialog'
import { TextArea } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import { useToast } from '../ui/Toasts'
import { usePages } from './usePages'

export function Registrations() {
  const { language, t } = useAdminWords()
  const { t: pro } = useWords()
  const tell = useToast()
  const pages = usePages('registrations', admin.registrations)
  const professions = useLoad('professions', auth.professions)
  const [refusing, setRefusing] = useState<PendingAccount>()
  const [reason, setReason] = useState('')
  const action = useAction()
  const decide = (account: PendingAccount, approve: boolean): void => {
    const text = blank(reason)
    void action.run(async () => {
      await admin.decide(account.id, { approve, ...(approve || text === undefined ? {} : { reason: text }) })
      tell(approve ? t.approved : t.refused)
      setRefusing(undefined)
      setReason('')
      pages.reload()
    })
  }
  return (
    <div className="stack">
      <ProblemNotice problem={pages.problem ?? (refusing === undefined ? action.problem : undefined)} />
      {pages.items === undefined && pages.problem === undefined && <Spinner />}
      {pages.items?.length === 0 && pages.more === undefined && <p>{t.registrationsEmpty}</p>}
      {pages.items?.map((account) => {
        const name = `${account.title} ${account.first_name} ${account.exercise_name}`.trim()
        return (
          <Card key={account.id} wide title={name}>
            <dl className="facts">
              <dt>{t.profession}</dt>
              <dd>{professions.value?.find((each) => each.code === account.profession_code)?.[language] ?? account.profession_code}</dd>
              <dt>{account.id_type.toUpperCase()}</dt>
              <dd>{account.national_number}</dd>
              <dt>{t.email}</dt>
              <dd>{account.email}</dd>
              <dt>{t.practice}</dt>
              <dd>{[account.practice.name, account.practice.address].filter((part) => part !== undefined && part !== '').join(', ') || pro.notSaid}</dd>
            </dl>
            <p>{t.registeredOn(dayOf(account.created_at, language))}</p>
            {account.number_used_elsewhere && <Notice kind="warn">{t.numberTwice}</Notice>}
            <div className="row">
              <Button icon={<CheckIcon />} aria-label={t.approveName(name)} busy={action.busy} onClick={() => decide(account, true)}>{t.approve}</Button>
              <Button icon={<CloseIcon />} kind="danger" aria-label={t.refuseName(name)} onClick={() => {
                action.clear()
                setRefusing(account)
              }}>{t.refuse}</Button>
            </div>
          </Card>
        )
      })}
      {pages.more !== undefined && <Button icon={<DownIcon />} kind="quiet" onClick={pages.more}>{pro.more}</Button>}
      {refusing !== undefined && (
        <Dialog title={t.refuseTitle} onClose={() => setRefusing(undefined)} actions={
          <>
            <Button icon={<CloseIcon />} kind="quiet" onClick={() => setRefusing(undefined)}>{pro.cancel}</Button>
            <Button icon={<CloseIcon />} kind="danger" busy={action.busy} onClick={() => decide(refusing, false)}>{t.refuse}</Button>
          </>
        }>
          <TextArea label={t.refuseReason} optional maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} />
          <ProblemNotice problem={action.problem} />
        </Dialog>
      )}
    </div>
  )
}
