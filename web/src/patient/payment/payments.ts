import type { PaymentState } from '../../api/payments'
import type { GuestApi } from '../api'

/** An amount to pay, or that was paid. */
export interface Payment {
  id: string
  amount_cents: number
  currency: string
  label: string
  state: PaymentState
  /** There is a page to open. */
  payable: boolean
  paid_at?: string
  refunded_cents: number
}

export const paymentsOf = (api: GuestApi): Promise<readonly Payment[]> => api.request('GET', 'payments')
export const openPayment = (api: GuestApi, id: string): Promise<{ url: string }> => api.post(`payments/${id}/open`)

/** What is said of a payment. */
export type Stage = 'to-pay' | 'open' | 'processing' | 'failed' | 'paid' | 'refunded' | 'gone'

export function stageOf({ state, payable }: Payment): Stage {
  switch (state) {
    case 'requested':
      return payable ? 'to-pay' : 'gone'
    case 'opened':
      return payable ? 'open' : 'gone'
    case 'failed':
      return payable ? 'failed' : 'gone'
    case 'processing':
      return 'processing'
    case 'paid':
    case 'partially_refunded':
      return 'paid'
    case 'refunded':
      return 'refunded'
    case 'cancelled':
    case 'expired':
      return 'gone'
  }
}

/** The one that the call shows: what is to be done before what is done, the oldest first; nothing that was put aside as it is. */
export function foremost(payments: readonly Payment[], aside: ReadonlySet<string>): Payment | undefined {
  const order: readonly Stage[] = ['failed', 'to-pay', 'open', 'processing', 'paid', 'refunded']
  const shown = payments.filter((one) => !aside.has(asideKey(one)))
  for (const stage of order) {
    const found = shown.find((one) => stageOf(one) === stage)
    if (found !== undefined) return found
  }
  return undefined
}

/** Putting aside holds until the state changes: a payment that went through is told even after « later ». */
export const asideKey = (payment: Payment): string => `${payment.id} ${stageOf(payment)}`

/** `25,00 €`. */
export const amountText = (cents: number, currency: string, language: string): string =>
  new Intl.NumberFormat(language === 'fr' ? 'fr-FR' : 'en-GB', { style: 'currency', currency }).format(cents / 100)
