import { Feedback } from './Feedback'
import { Frame } from './Frame'
import { Documents } from './handed/Documents'
import type { Handed } from './handed/useHanded'
import { PaymentCard } from './payment/PaymentCard'
import { stageOf } from './payment/payments'
import type { Payments } from './payment/usePayments'
import { dayText, hourText, sameDay } from './time'
import type { Visit } from './useVisit'
import { usePatientWords } from './words'

interface EndProps {
  visit: Visit
  handed: Handed
  payments: Payments
  phone: string | undefined
}

/** After the call: what is left to pay, and the documents as long as they are there. */
export function End({ visit, handed, payments, phone }: EndProps) {
  const { t, language } = usePatientWords()
  const { guest, now } = visit.facts
  const until = guest.documents_until
  const due = payments.all.filter((one) => stageOf(one) !== 'gone')
  const day = until === undefined || sameDay(until, now, guest.zone) ? undefined : dayText(until, guest.zone, language)
  return (
    <Frame screen="end" title={t.endTitle} phone={phone}>
      {handed.possible && until !== undefined ? (
        <>
          <p>{day === undefined ? t.endUntil(hourText(until, guest.zone, language)) : t.endUntilDay(day, hourText(until, guest.zone, language))}</p>
          {due.map((one) => (
            <PaymentCard key={one.id} payment={one} payments={payments} zone={guest.zone} />
          ))}
          <Documents api={visit.api} handed={handed} zone={guest.zone} />
        </>
      ) : (
        <p>{t.end}</p>
      )}
      <Feedback api={visit.api} />
    </Frame>
  )
}
