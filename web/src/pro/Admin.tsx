import { useState, type SyntheticEvent } from 'react'
import { admin, auth } from '../api/clinic'
import { useAction, useLoad } from '../api/useAction'
import type { ApiClient, PendingAccount } from '../api/types'
import { useWords } from '../i18n/pro'
import { Button } from '../ui/Button'
import { Card } from '../ui/Card'
import { Chip } from '../ui/Chip'
import { Dialog } from '../ui/Dialog'
import { CheckField, TextArea, TextField } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { Tabs } from '../ui/Tabs'
import { useToast } from '../ui/Toasts'
import { Frame } from './Frame'
import { usePresentAction } from './Presence'
import { blank, dayOf } from './format'
import { CopyButton, ProblemNotice } from './parts'
import { paths } from './router'

export function Admin() {
  const { t } = useWords()
  const [tab, setTab] = useState<'registrations' | 'clients'>('registrations')
  return (
    <Frame title={t.adminTitle} screen="admin" at={paths.admin}>
      <Tabs label={t.adminTabs} chosen={tab} onChoose={setTab} tabs={[{ name: 'registrations', label: t.adminRegistrations }, { name: 'clients', label: t.adminClients }]}>
        {tab === 'registrations' ? <Registrations /> : <Clients />}
      </Tabs>
    </Frame>
  )
}

function Registrations() {
  const { language, t } = useWords()
  const tell = useToast()
  const [cursor, setCursor] = useState<string>()
  const loaded = useLoad(`registrations ${cursor ?? ''}`, () => admin.registrations(cursor))
  const professions = useLoad('professions', auth.professions)
  const [refusing, setRefusing] = useState<PendingAccount>()
  const [reason, setReason] = useState('')
  const action = useAction()
  const next = loaded.value?.next ?? undefined
  const decide = (account: PendingAccount, approve: boolean): void => {
    const text = blank(reason)
    void action.run(async () => {
      await admin.decide(account.id, { approve, ...(approve || text === undefined ? {} : { reason: text }) })
      tell(approve ? t.approved : t.refused)
      setRefusing(undefined)
      setReason('')
      loaded.reload()
    })
  }
  return (
    <div className="pro-stack">
      <ProblemNotice problem={loaded.problem ?? action.problem} />
      {loaded.value?.items.length === 0 && <p>{t.registrationsEmpty}</p>}
      {loaded.value?.items.map((account) => {
        const name = `${account.title} ${account.first_name} ${account.exercise_name}`.trim()
        return (
          <Card key={account.id} wide title={name}>
            <p>
              {professions.value?.find((each) => each.code === account.profession_code)?.[language] ?? account.profession_code}, {account.id_type.toUpperCase()} {account.national_number}
            </p>
            <p>{account.email}</p>
            <p>{[account.practice.name, account.practice.address].filter((part) => part !== undefined && part !== '').join(', ')}</p>
            <p>{t.registeredOn(dayOf(account.created_at, language))}</p>
            {account.number_used_elsewhere && <Notice kind="warn">{t.numberTwice}</Notice>}
            <div className="pro-row">
              <Button aria-label={t.approveName(name)} busy={action.busy} onClick={() => decide(account, true)}>{t.approve}</Button>
              <Button kind="danger" aria-label={t.refuseName(name)} onClick={() => setRefusing(account)}>{t.refuse}</Button>
            </div>
          </Card>
        )
      })}
      {next !== undefined && <Button kind="quiet" onClick={() => setCursor(next)}>{t.more}</Button>}
      {refusing !== undefined && (
        <Dialog title={t.refuseTitle} onClose={() => setRefusing(undefined)} actions={
          <>
            <Button kind="quiet" onClick={() => setRefusing(undefined)}>{t.cancel}</Button>
            <Button kind="danger" busy={action.busy} onClick={() => decide(refusing, false)}>{t.refuse}</Button>
          </>
        }>
          <TextArea label={t.refuseReason} optional maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} />
        </Dialog>
      )}
    </div>
  )
}

const SCOPES = [
  'consultations:read', 'consultations:write', 'patients:read', 'patients:write', 'documents:read', 'documents:write',
  'payments:write', 'export:read', 'audit:read', 'links:read', 'webhooks:write', 'embed:write',
]

function Clients() {
  const { t } = useWords()
  const loaded = useLoad('clients', admin.clients)
  const [name, setName] = useState('')
  const [scopes, setScopes] = useState<readonly string[]>([])
  const [secret, setSecret] = useState<{ id: string; secret: string }>()
  const action = usePresentAction()
  const doing = (work: () => Promise<unknown>): void => {
    void action.run(async () => {
      await work()
      loaded.reload()
    })
  }
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault()
    doing(async () => {
      const made = await admin.makeClient(name.trim(), [...scopes])
      setSecret({ id: made.client.id, secret: made.client_secret })
      setName('')
      setScopes([])
    })
  }
  const toggle = (client: ApiClient): void => doing(async () => {
    const { etag } = await admin.client(client.id)
    await admin.changeClient(client.id, { enabled: !client.enabled }, etag)
  })
  return (
    <div className="pro-stack">
      <ProblemNotice problem={loaded.problem ?? action.problem} />
      {loaded.value?.items.length === 0 && <p>{t.clientsEmpty}</p>}
      {loaded.value?.items.map((client) => (
        <Card key={client.id} wide title={client.name}>
          <p className="pro-row">
            <Chip tone={client.enabled ? 'good' : 'neutral'}>{client.enabled ? t.clientOn : t.clientOff}</Chip>
            <code>{client.id}</code>
          </p>
          <p>{client.scopes.join(', ')}</p>
          <div className="pro-row">
            <Action word={client.enabled ? t.clientDisable : t.clientEnable} name={client.name} busy={action.busy} onClick={() => toggle(client)} />
            <Action word={t.clientNewSecret} name={client.name} busy={action.busy} onClick={() => doing(async () => {
              const made = await admin.addSecret(client.id)
              setSecret({ id: made.client.id, secret: made.client_secret })
            })} />
            {client.secrets > 1 && <Action word={t.clientRetire} name={client.name} busy={action.busy} onClick={() => doing(() => admin.retireSecret(client.id))} />}
          </div>
        </Card>
      ))}
      <Card wide title={t.clientNew}>
        <form className="pro-stack" onSubmit={submit}>
          <TextField label={t.clientName} required maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />
          <fieldset className="pro-set pro-grid">
            <legend>{t.clientScopes}</legend>
            {SCOPES.map((scope) => (
              <CheckField key={scope} label={scope} checked={scopes.includes(scope)} onChange={(event) => setScopes(event.target.checked ? [...scopes, scope] : scopes.filter((each) => each !== scope))} />
            ))}
          </fieldset>
          <Button type="submit" busy={action.busy} disabled={scopes.length === 0}>{t.clientMake}</Button>
        </form>
      </Card>
      {secret !== undefined && (
        <Dialog title={t.clientSecretTitle} onClose={() => setSecret(undefined)} actions={<Button onClick={() => setSecret(undefined)}>{t.close}</Button>}>
          <p>{t.clientSecretText}</p>
          <TextField label={t.clientId} readOnly value={secret.id} />
          <TextField label={t.clientSecret} readOnly value={secret.secret} />
          <CopyButton text={secret.secret} label={t.copyValue(t.clientSecret)} />
        </Dialog>
      )}
      {action.question}
    </div>
  )
}

function Action({ word, name, busy, onClick }: { word: string; name: string; busy: boolean; onClick: () => void }) {
  const { t } = useWords()
  return <Button kind="quiet" className="button-small" aria-label={t.clientAbout(word, name)} busy={busy} onClick={onClick}>{word}</Button>
}
