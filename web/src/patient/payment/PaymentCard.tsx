import { Button } from '../../ui/Button'
import { Notice } from '../../ui/Notice'
import { ArrowIcon, CardIcon, CloseIcon, RetryIcon } from '../../ui/icons'
import { hourText } from '../time'
import { usePatientWords } from '../words'
import { amountText, stageOf, type Payment } from './payments'
import type { Payments } from './usePayments'

interface PaymentCardProps {
  payment: Payment
  payments: Payments
  zone: string
  /** Over the picture of the call, where it can be put aside. */
  inCall?: boolean
}

/** An amount to pay, on the provider's own page in another tab; what became of it is told here. */
export function PaymentCard({ payment, payments, zone, inCall = false }: PaymentCardProps) {
  const { t, language } = usePatientWords()
  const stage = stageOf(payment)
  const amount = amountText(payment.amount_cents, payment.currency, language)
  const { blocked, busy, problem } = payments
  const pay = (word: string, icon = <CardIcon />) => (
    <Button icon={icon} busy={busy === payment.id} data-test="pay" onClick={() => payments.pay(payment.id)}>
      {word}
    </Button>
  )
  const later = (word: string) =>
    inCall && (
      <Button icon={<CloseIcon />} kind="quiet" data-test="pay-later" onClick={() => payments.putAside(payment)}>
        {word}
      </Button>
    )
  return (
    <section className="pcard" data-test="payment" data-stage={stage}>
      {stage === 'paid' || stage === 'refunded' ? (
        <Notice kind="good">
          {stage === 'refunded' ? t.refunded(amount) : payment.paid_at === undefined ? t.paid(amount) : t.paidAt(amount, hourText(payment.paid_at, zone, language))}
          {payment.state === 'partially_refunded' && ` ${t.refunded(amountText(payment.refunded_cents, payment.currency, language))}`}
        </Notice>
      ) : (
        <p>
          <CardIcon />
          <span>
            {t.toPay} <strong>{amount}</strong>
            {payment.label !== '' && <span className="handed-about">{payment.label}</span>}
          </span>
        </p>
      )}
      {stage === 'failed' && <Notice kind="bad">{t.payFailed}</Notice>}
      {stage === 'open' && <p>{t.payOpen}</p>}
      {stage === 'processing' && <p>{t.payProcessing}</p>}
      {problem !== undefined && stage !== 'paid' && <Notice kind="bad">{problem === 'unreachable' ? t.unreachableText : t.payUnavailable}</Notice>}
      <div className="handed-doings">
        {blocked?.id === payment.id && stage === 'open' ? (
          <a className="button button-main" href={blocked.url} target="_blank" rel="noopener noreferrer" data-test="pay-page">
            <ArrowIcon />
            <span>{t.payPage}</span>
          </a>
        ) : (
          <>
            {stage === 'to-pay' && pay(t.pay)}
            {stage === 'open' && pay(t.payAgainOpen)}
            {stage === 'failed' && pay(t.again, <RetryIcon />)}
          </>
        )}
        {stage === 'paid' || stage === 'refunded' || stage === 'processing' ? later(t.close) : later(t.later)}
      </div>
    </section>
  )
}
