import { useState, type ReactNode } from 'react'
import { useAdminWords } from '../i18n/admin'
import { useWords } from '../i18n/pro'
import { CopyButton, ProblemNotice } from '../pro/parts'
import { usePresentAction } from '../pro/Presence'
import { Button } from '../ui/Button'
import { DownIcon, KeyIcon, PauseIcon, PenIcon, PlusIcon, TrashIcon } from '../ui/deskIcons'
import { CheckIcon, CloseIcon } from '../ui/icons'
import { Card } from '../ui/Card'
import { Chip } from '../ui/Chip'
import { Dialog } from '../ui/Dialog'
import { TextField } from '../ui/Field'
import { Spinner } from '../ui/Progress'
import { useToast } from '../ui/Toasts'
import { clients, type Client } from './api'
import { ClientDialog } from './ClientDialog'
import { usePresentLoad } from './usePresentLoad'

/** Portals that plan consultations and show them in frames. */
export function Clients() {
  const { t } = useAdminWords()
  const { t: pro } = useWords()
  const tell = useToast()
  const [cursor, setCursor] = useState<string>()
  const loaded = usePresentLoad(`clients ${cursor ?? ''}`, () => clients.list(cursor))
  const [editing, setEditing] = useState<Client | 'new'>()
  const [secret, setSecret] = useState<{ id: string; secret: string }>()
  const action = usePresentAction()
  const doing = (work: () => Promise<unknown>): void => void action.run(async () => {
    await work()
    loaded.reload()
  })
  const toggle = (client: Client): void => doing(async () => {
    const { etag } = await clients.get(client.id)
    await clients.change(client.id, { enabled: !client.enabled }, etag)
  })
  const next = loaded.value?.next ?? undefined
  return (
    <div className="stack">
      <p>{t.clientsText}</p>
      {loaded.question}
      <ProblemNotice problem={loaded.problem ?? action.problem} />
      {loaded.value === undefined && loaded.problem === undefined && !loaded.question && <Spinner />}
      {loaded.value !== undefined && (
        <div className="row">
          <Button icon={<PlusIcon />} onClick={() => setEditing('new')}>{t.clientNew}</Button>
        </div>
      )}
      {loaded.value?.items.length === 0 && <p>{t.clientsEmpty}</p>}
      {loaded.value?.items.map((client) => {
        const act = (icon: ReactNode, word: string, onClick: () => void) => <Button icon={icon} kind="quiet" className="button-small" aria-label={t.about(word, client.name)} busy={action.busy} onClick={onClick}>{word}</Button>
        return (
          <Card key={client.id} wide title={client.name}>
            <p className="row">
              <Chip tone={client.enabled ? 'good' : 'neutral'}>{client.enabled ? t.clientOn : t.clientOff}</Chip>
              <code>{client.id}</code>
            </p>
            <dl className="facts">
              <dt>{t.clientScopes}</dt>
              <dd>{client.scopes.join(', ')}</dd>
              <dt>{t.clientOrigins}</dt>
              <dd>{client.allowed_origins.length === 0 ? t.none : client.allowed_origins.join(', ')}</dd>
              <dt>{t.clientAccounts}</dt>
              <dd>{client.accounts.length === 0 ? t.clientAll : client.accounts.join(', ')}</dd>
              <dt>{t.clientRate}</dt>
              <dd>{client.rate_per_minute}</dd>
            </dl>
            <div className="row">
              {act(<PenIcon />, t.clientEdit, () => setEditing(client))}
              {act(client.enabled ? <PauseIcon /> : <CheckIcon />, client.enabled ? t.clientDisable : t.clientEnable, () => toggle(client))}
              {act(<KeyIcon />, t.clientNewSecret, () => doing(async () => {
                const made = await clients.addSecret(client.id)
                setSecret({ id: made.client.id, secret: made.client_secret })
              }))}
              {client.secrets > 1 && act(<TrashIcon />, t.clientRetire, () => doing(() => clients.retireSecret(client.id)))}
            </div>
          </Card>
        )
      })}
      {next !== undefined && <Button icon={<DownIcon />} kind="quiet" onClick={() => setCursor(next)}>{pro.more}</Button>}
      <Card wide title={t.hooksTitle}>
        <p>{t.hooksText}</p>
      </Card>
      {editing !== undefined && <ClientDialog client={editing === 'new' ? undefined : editing} onClose={() => setEditing(undefined)} onDone={(made) => {
        setEditing(undefined)
        if (made === undefined) tell(pro.saved)
        else setSecret(made)
        loaded.reload()
      }} />}
      {secret !== undefined && (
        <Dialog title={t.clientSecretTitle} onClose={() => setSecret(undefined)} actions={<Button icon={<CloseIcon />} onClick={() => setSecret(undefined)}>{pro.close}</Button>}>
          <p>{t.clientSecretText}</p>
          <TextField label={t.clientId} readOnly value={secret.id} />
          <TextField label={t.clientSecret} readOnly value={secret.secret} />
          <CopyButton text={secret.secret} label={pro.copyValue(t.clientSecret)} />
        </Dialog>
      )}
      {action.question}
    </div>
  )
}
