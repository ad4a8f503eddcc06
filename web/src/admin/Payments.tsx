import { useState, type ReactNode } from 'react'
import { useAdminWords } from '../i18n/admin'
import { useWords } from '../i18n/pro'
import { dayOf } from '../pro/format'
import { CopyButton, ProblemNotice, useFieldError } from '../pro/parts'
import { usePresentAction } from '../pro/Presence'
import { Button } from '../ui/Button'
import { DownIcon, PauseIcon, PenIcon, PulseIcon } from '../ui/deskIcons'
import { CheckIcon, CloseIcon } from '../ui/icons'
import { Card } from '../ui/Card'
import { Chip, type Tone } from '../ui/Chip'
import { Dialog } from '../ui/Dialog'
import { SelectField, TextField } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import { useToast } from '../ui/Toasts'
import { payments, type PaymentAccount, type Provider } from './api'
import { usePresentLoad } from './usePresentLoad'

const TONES: Record<PaymentAccount['status'], Tone> = { requested: 'warn', configured: 'active', tested: 'active', enabled: 'good', disabled: 'neutral' }

/** What each provider calls its keys. */
const KEYS: Record<Provider, readonly string[]> = { stripe: ['secret_key', 'webhook_secret'], payzen: ['shop_id', 'password'], emulator: [], none: [] }

export function Payments() {
  const { language, t } = useAdminWords()
  const { t: pro } = useWords()
  const tell = useToast()
  const [cursor, setCursor] = useState<string>()
  const loaded = usePresentLoad(`payments ${cursor ?? ''}`, () => payments.list(cursor))
  const [configuring, setConfiguring] = useState<PaymentAccount>()
  const action = usePresentAction()
  const doing = (work: () => Promise<unknown>, said: string): void => void action.run(async () => {
    await work()
    tell(said)
    loaded.reload()
  })
  const next = loaded.value?.next ?? undefined
  return (
    <div className="stack">
      <p>{t.paymentsText}</p>
      {loaded.question}
      <ProblemNotice problem={loaded.problem} />
      {action.problem !== undefined && (action.problem.field('/credentials') === 'refused' ? <Notice kind="bad">{t.keysRefused}</Notice> : <ProblemNotice problem={action.problem} />)}
      {loaded.value === undefined && loaded.problem === undefined && !loaded.question && <Spinner />}
      {loaded.value?.items.length === 0 && <p>{t.paymentsEmpty}</p>}
      {loaded.value?.items.map((account) => {
        const name = account.professional
        const act = (icon: ReactNode, word: string, onClick: () => void, kind: 'main' | 'quiet' = 'quiet') => <Button icon={icon} kind={kind} busy={action.busy} aria-label={t.about(word, name)} onClick={onClick}>{word}</Button>
        return (
          <Card key={account.id} wide title={name}>
            <p className="row">
              <Chip tone={TONES[account.status]}>{t.paymentStatuses[account.status]}</Chip>
              {account.provider !== 'none' && <span>{t.providers[account.provider]}</span>}
              <span className="field-hint">{t.requestedOn(dayOf(account.requested_at, language))}</span>
            </p>
            {account.webhook_url !== undefined && (
              <p>
                {t.webhookUrl} <code>{account.webhook_url}</code> <CopyButton text={account.webhook_url} label={t.about(pro.copy, t.webhookUrl)} />
              </p>
            )}
            {account.providers.length === 0 && <Notice kind="warn">{t.providersNone}</Notice>}
            <div className="row">
              {account.providers.length > 0 && act(<PenIcon />, account.status === 'requested' ? t.configure : t.configureAgain, () => setConfiguring(account), account.status === 'requested' ? 'main' : 'quiet')}
              {account.status !== 'requested' && act(<PulseIcon />, t.testKeys, () => doing(() => payments.test(account.id), t.keysGood), account.status === 'configured' ? 'main' : 'quiet')}
              {account.status === 'tested' && act(<CheckIcon />, t.enable, () => doing(() => payments.enable(account.id), t.enabled), 'main')}
              {account.status === 'enabled' && act(<PauseIcon />, t.disable, () => doing(() => payments.disable(account.id), t.disabled))}
            </div>
          </Card>
        )
      })}
      {next !== undefined && <Button icon={<DownIcon />} kind="quiet" onClick={() => setCursor(next)}>{pro.more}</Button>}
      {configuring !== undefined && <Configure account={configuring} onClose={() => setConfiguring(undefined)} onDone={() => {
        setConfiguring(undefined)
        tell(t.configured)
        loaded.reload()
      }} />}
      {action.question}
    </div>
  )
}

/** The keys go to the server and never come back. */
function Configure({ account, onClose, onDone }: { account: PaymentAccount; onClose: () => void; onDone: () => void }) {
  const { t } = useAdminWords()
  const { t: pro } = useWords()
  const [provider, setProvider] = useState<Provider>(account.provider === 'none' ? (account.providers[0] ?? 'none') : account.provider)
  const [typed, setTyped] = useState<Record<string, string>>({})
  const action = usePresentAction()
  const error = useFieldError(action.problem)
  const save = (): void => void action.run(async () => {
    await payments.configure(account.id, { provider, ...Object.fromEntries(KEYS[provider].map((key) => [key, (typed[key] ?? '').trim()])) })
    onDone()
  })
  return (
    <>
      <Dialog title={t.configureTitle(account.professional)} onClose={onClose} actions={
        <>
          <Button icon={<CloseIcon />} kind="quiet" onClick={onClose}>{pro.cancel}</Button>
          <Button icon={<CheckIcon />} busy={action.busy} onClick={save}>{pro.save}</Button>
        </>
      }>
        <form className="stack" onSubmit={(event) => {
          event.preventDefault()
          save()
        }}>
          <SelectField label={t.provider} value={provider} onChange={(event) => {
            setProvider(event.target.value as Provider)
            action.clear()
          }}>
            {account.providers.map((each) => <option key={each} value={each}>{t.providers[each]}</option>)}
          </SelectField>
          {KEYS[provider].map((key) => (
            <TextField
              key={key}
              label={t.keys[key] ?? key}
              type={key === 'shop_id' ? 'text' : 'password'}
              autoComplete="off"
              required
              error={error(`/${key}`)}
              value={typed[key] ?? ''}
              onChange={(event) => setTyped({ ...typed, [key]: event.target.value })}
            />
          ))}
          <p className="field-hint">{t.keysHint}</p>
          {KEYS[provider].every((key) => error(`/${key}`) === undefined) && <ProblemNotice problem={action.problem} />}
        </form>
      </Dialog>
      {action.question}
    </>
  )
}
