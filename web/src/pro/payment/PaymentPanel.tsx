import { useRef, useState, type SyntheticEvent } from 'react'
import { form } from '../../api/clinic'
import { newKey } from '../../api/client'
import { activation, payments as api, type Payment } from '../../api/payments'
import { useAction, useLoad } from '../../api/useAction'
import { useMe } from '../../auth/session'
import { useWords } from '../../i18n/payment'
import { useWords as useProWords } from '../../i18n/pro'
import { Button } from '../../ui/Button'
import { Chip, type Tone } from '../../ui/Chip'
import { Dialog } from '../../ui/Dialog'
import { TextField } from '../../ui/Field'
import { Notice } from '../../ui/Notice'
import { useToast } from '../../ui/Toasts'
import { CardIcon, CloseIcon, RetryIcon, SaveIcon, SendIcon } from '../../ui/icons'
import { useDesk } from '../desk'
import { dayOf, dayTime, timeOf } from '../format'
import { ProblemNotice, saveFile, useFieldError } from '../parts'
import { ActivationState } from './Activation'
import { centsOf, euros, typedEuros } from './money'

const LEAST = 100
const MOST = 100_000

/** Asks the patient for an amount, and shows what became of it. */
export function PaymentPanel() {
  const { t } = useWords()
  const { consultation, payments } = useDesk()
  const mine = useLoad('activation', activation.get)
  const enabled = mine.value?.status === 'enabled'
  const list = [...(payments.value ?? [])].reverse()
  return (
    <div className="pro-stack">
      <h2>{t.title}</h2>
      <ProblemNotice problem={payments.problem ?? mine.problem} />
      {mine.value !== undefined && !enabled && <ActivationState activation={mine.value} onAsked={mine.reload} />}
      {enabled && (consultation.capabilities.includes('request_payment') ? <Ask /> : <p>{t.early}</p>)}
      {(enabled || list.length > 0) && (
        <>
          <h2>{t.requests}</h2>
          {list.length === 0 && <p className="doc-about">{t.none}</p>}
          <ul className="doc-list">
            {list.map((payment) => <Request key={payment.id} payment={payment} />)}
          </ul>
        </>
      )}
    </div>
  )
}

function Ask() {
  const { language, t } = useWords()
  const { consultation, payments } = useDesk()
  const tell = useToast()
  const acts = useLoad(`acts of ${consultation.id}`, () => form.get(consultation.id))
  const billed = (acts.value?.value.acts ?? []).filter(({ amount_cents: cents }) => cents !== undefined && cents !== null)
  const proposed = billed.reduce((sum, { amount_cents: cents }) => sum + (cents ?? 0), 0)
  const [typed, setTyped] = useState<string>()
  const [label, setLabel] = useState(t.labelDefault)
  const [wrong, setWrong] = useState(false)
  // One wish, one request, however often it is sent.
  const key = useRef({ of: '', key: '' })
  const action = useAction()
  const error = useFieldError(action.problem)
  const amount = typed ?? (proposed > 0 ? typedEuros(proposed) : '')
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault()
    const cents = centsOf(amount)
    setWrong(cents === undefined || cents < LEAST || cents > MOST)
    if (cents === undefined || cents < LEAST || cents > MOST) return
    const wish = `${cents} ${label}`
    if (key.current.of !== wish) key.current = { of: wish, key: newKey() }
    void action.run(async () => {
      await api.ask(consultation.id, { amount_cents: cents, label: label.trim() }, key.current.key)
      key.current = { of: '', key: '' }
      tell(t.asked(euros(cents, language)))
      payments.reload()
    })
  }
  return (
    <form className="pro-stack" onSubmit={submit} noValidate>
      <TextField
        label={t.amount}
        hint={proposed > 0 ? t.fromActs(billed.map(({ code }) => code).join(' + ')) : t.amountHint}
        inputMode="decimal"
        autoComplete="off"
        required
        value={amount}
        error={wrong ? t.badAmount : error('/amount_cents')}
        onChange={(event) => setTyped(event.target.value)}
      />
      <TextField label={t.label} maxLength={80} required value={label} error={error('/label')} onChange={(event) => setLabel(event.target.value)} />
      <ProblemNotice problem={action.problem} />
      <div className="pro-row">
        <Button icon={<SendIcon />} type="submit" busy={action.busy}>{t.ask}</Button>
      </div>
      <p className="field-hint">{t.thirdParty}</p>
    </form>
  )
}

const TONES: Record<Payment['state'], Tone> = {
  requested: 'active', opened: 'active', processing: 'active', paid: 'good', partially_refunded: 'warn', refunded: 'neutral', failed: 'bad', cancelled: 'neutral', expired: 'neutral',
}
const MISMATCHES = ['amount-mismatch', 'currency-mismatch']

/** `Payé 25,00 € à 14:52`, with the day once it is another. */
export function usePaidText(): (payment: Payment) => string | undefined {
  const { language, t } = useWords()
  const { me } = useMe()
  return ({ amount_cents: cents, paid_at: at }) => {
    if (at === undefined || at === null) return undefined
    const amount = euros(cents, language)
    const today = dayOf(new Date().toISOString(), language) === dayOf(at, language)
    return today ? t.paidAt(amount, timeOf(at, language, me.time_zone)) : t.paidOn(amount, dayTime(at, language, me.time_zone))
  }
}

function Request({ payment }: { payment: Payment }) {
  const { language, t } = useWords()
  const { me } = useMe()
  const { consultation, payments } = useDesk()
  const tell = useToast()
  const paidText = usePaidText()
  const action = useAction()
  const [refunding, setRefunding] = useState(false)
  const { id, state } = payment
  const amount = euros(payment.amount_cents, language)
  const paid = paidText(payment)
  const open = state === 'requested' || state === 'opened' || state === 'failed'
  const failure = payment.failure ?? undefined
  const doing = (work: () => Promise<unknown>, said?: string): void => {
    void action.run(async () => {
      await work()
      if (said !== undefined) tell(said)
      payments.reload()
    })
  }
  const of = consultation.id
  return (
    <li className="doc" data-test="payment">
      <div className="doc-head">
        <strong>{amount}</strong> <span>{payment.label}</span>
      </div>
      <p className="doc-chips"><Chip tone={TONES[state]}>{t.states[state]}</Chip></p>
      {paid !== undefined && <p role="status">{paid}</p>}
      {payment.refunded_cents > 0 && <p>{t.refundedPart(euros(payment.refunded_cents, language))}</p>}
      {paid === undefined && <p className="doc-about">{t.askedAt(timeOf(payment.requested_at, language, me.time_zone))}{open && ` · ${t.expiresAt(dayTime(payment.expires_at, language, me.time_zone))}`}</p>}
      {failure !== undefined && <Notice kind="warn">{t.failures[failure] ?? failure}</Notice>}
      {payment.reference !== undefined && payment.reference !== null && paid !== undefined && <p className="doc-about">{t.reference(payment.reference)}</p>}
      <ProblemNotice problem={action.problem} />
      <div className="pro-row">
        {(state === 'opened' || state === 'processing') && <Button icon={<RetryIcon />} kind="quiet" className="button-small" aria-label={t.refreshOf(amount)} busy={action.busy} onClick={() => doing(() => api.refresh(of, id))}>{t.refresh}</Button>}
        {state === 'failed' && !MISMATCHES.includes(failure ?? '') && <Button icon={<RetryIcon />} kind="quiet" className="button-small" aria-label={t.retryOf(amount)} busy={action.busy} onClick={() => doing(() => api.retry(of, id))}>{t.retry}</Button>}
        {open && <Button icon={<CloseIcon />} kind="quiet" className="button-small" aria-label={t.cancelOf(amount)} busy={action.busy} onClick={() => doing(() => api.cancel(of, id), t.cancelled)}>{t.cancel}</Button>}
        {paid !== undefined && <Button kind="quiet" className="button-small" icon={<SaveIcon />} aria-label={t.receiptOf(amount)} busy={action.busy} onClick={() => void action.run(() => saveFile(api.receiptPath(of, id)))}>{t.receipt}</Button>}
        {payment.refundable_cents > 0 && <Button icon={<CardIcon />} kind="quiet" className="button-small" aria-label={t.refundOf(amount)} onClick={() => setRefunding(true)}>{t.refund}</Button>}
      </div>
      {refunding && <RefundDialog payment={payment} onClose={() => setRefunding(false)} />}
    </li>
  )
}

function RefundDialog({ payment, onClose }: { payment: Payment; onClose: () => void }) {
  const { language, t } = useWords()
  const { t: pro } = useProWords()
  const { consultation, payments } = useDesk()
  const tell = useToast()
  const most = payment.refundable_cents
  const [typed, setTyped] = useState(typedEuros(most))
  const [wrong, setWrong] = useState(false)
  const key = useRef({ cents: 0, key: '' })
  const action = useAction()
  const error = useFieldError(action.problem)
  const refund = (): void => {
    const cents = centsOf(typed)
    setWrong(cents === undefined || cents < 1 || cents > most)
    if (cents === undefined || cents < 1 || cents > most) return
    if (key.current.cents !== cents) key.current = { cents, key: newKey() }
    void action.run(async () => {
      await api.refund(consultation.id, payment.id, cents, key.current.key)
      tell(t.refundDone(euros(cents, language)))
      payments.reload()
      onClose()
    })
  }
  return (
    <Dialog title={t.refundTitle} onClose={onClose} actions={
      <>
        <Button icon={<CloseIcon />} kind="quiet" onClick={onClose}>{pro.cancel}</Button>
        <Button icon={<CardIcon />} kind="danger" busy={action.busy} onClick={refund}>{t.refund}</Button>
      </>
    }>
      <form className="pro-stack" noValidate onSubmit={(event) => {
        event.preventDefault()
        refund()
      }}>
        <p>{t.refundText(euros(most, language))}</p>
        <TextField label={t.amount} inputMode="decimal" autoComplete="off" required value={typed} error={wrong ? t.badRefund : error('/amount_cents')} onChange={(event) => setTyped(event.target.value)} />
        <ProblemNotice problem={action.problem} />
      </form>
    </Dialog>
  )
}
