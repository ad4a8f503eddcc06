import { useState } from 'react'
import { useAdminWords } from '../i18n/admin'
import { useWords } from '../i18n/pro'
import { ProblemNotice, useFieldError } from '../pro/parts'
import { usePresentAction } from '../pro/Presence'
import { Button } from '../ui/Button'
import { PlusIcon } from '../ui/deskIcons'
import { CloseIcon } from '../ui/icons'
import { Dialog } from '../ui/Dialog'
import { CheckField, TextArea, TextField } from '../ui/Field'
import { clients, type Client, type ClientInput } from './api'

const SCOPES = [
  'consultations:read', 'consultations:write', 'patients:read', 'patients:write', 'documents:read', 'documents:write',
  'payments:write', 'export:read', 'audit:read', 'links:read', 'webhooks:write', 'embed:write',
]
const RATE = 600

const lines = (text: string): string[] => text.split(/[\s,;]+/).filter((each) => each !== '')

interface ClientDialogProps {
  /** None: a new one is made. */
  client: Client | undefined
  onClose: () => void
  onDone: (made: { id: string; secret: string } | undefined) => void
}

export function ClientDialog({ client, onClose, onDone }: ClientDialogProps) {
  const { t } = useAdminWords()
  const { t: pro } = useWords()
  const [name, setName] = useState(client?.name ?? '')
  const [scopes, setScopes] = useState<readonly string[]>(client?.scopes ?? [])
  const [origins, setOrigins] = useState(client?.allowed_origins.join('\n') ?? '')
  const [accounts, setAccounts] = useState(client?.accounts.join('\n') ?? '')
  const [rate, setRate] = useState(String(client?.rate_per_minute ?? RATE))
  const action = usePresentAction()
  const error = useFieldError(action.problem)
  const save = (): void => void action.run(async () => {
    const body: ClientInput = { name: name.trim(), scopes, allowed_origins: lines(origins), accounts: lines(accounts), rate_per_minute: Number(rate) }
    if (client === undefined) {
      const made = await clients.make(body)
      onDone({ id: made.client.id, secret: made.client_secret })
      return
    }
    const { etag } = await clients.get(client.id)
    await clients.change(client.id, body, etag)
    onDone(undefined)
  })
  return (
    <>
      <Dialog title={client === undefined ? t.clientNew : t.clientEditTitle(client.name)} onClose={onClose} actions={
        <>
          <Button icon={<CloseIcon />} kind="quiet" onClick={onClose}>{pro.cancel}</Button>
          <Button icon={<PlusIcon />} busy={action.busy} disabled={scopes.length === 0 || name.trim() === ''} onClick={save}>{client === undefined ? t.clientMake : pro.save}</Button>
        </>
      }>
        <TextField label={t.clientName} required maxLength={100} error={error('/name')} value={name} onChange={(event) => setName(event.target.value)} />
        <TextArea label={t.clientOrigins} optional rows={2} hint={t.clientOriginsHint} error={error('/allowed_origins')} value={origins} onChange={(event) => setOrigins(event.target.value)} />
        <fieldset className="pro-set">
          <legend>{t.clientScopes}</legend>
          {SCOPES.map((scope) => (
            <CheckField key={scope} label={t.scopes[scope] ?? scope} hint={scope} checked={scopes.includes(scope)} onChange={(event) => setScopes(event.target.checked ? [...scopes, scope] : scopes.filter((each) => each !== scope))} />
          ))}
        </fieldset>
        <TextArea label={t.clientAccounts} optional rows={2} hint={t.clientAccountsHint} error={error('/accounts')} value={accounts} onChange={(event) => setAccounts(event.target.value)} />
        <TextField label={t.clientRate} type="number" min={1} max={60_000} error={error('/rate_per_minute')} value={rate} onChange={(event) => setRate(event.target.value)} />
        {action.problem?.fields.length === 0 && <ProblemNotice problem={action.problem} />}
      </Dialog>
      {action.question}
    </>
  )
}
