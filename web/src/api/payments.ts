import { request } from './client'

/** The shapes and requests of online payment; the description is `docs/openapi-clinic.json`. */
export type PaymentState =
  | 'requested'
  | 'opened'
  | 'processing'
  | 'paid'
  | 'partially_refunded'
  | 'refunded'
  | 'failed'
  | 'cancelled'
  | 'expired'

export interface Payment {
  id: string
  amount_cents: number
  currency: string
  label: string
  state: PaymentState
  /** `refused`, `amount-mismatch`, `currency-mismatch`, `paid-twice`. */
  failure?: string | null
  requested_at: string
  paid_at?: string | null
  refunded_cents: number
  refundable_cents: number
  reference?: string | null
  expires_at: string
}

export interface Activation {
  /** This server can do online payment at all. */
  available: boolean
  status?: 'requested' | 'configured' | 'tested' | 'enabled' | 'disabled' | null
  requested_at?: string | null
  enabled_at?: string | null
}

const of = (consultation: string): string => `/api/v1/consultations/${encodeURIComponent(consultation)}/payment-requests`
const one = (consultation: string, id: string): string => `${of(consultation)}/${encodeURIComponent(id)}`

export const payments = {
  list: (consultation: string) => request<Payment[]>(of(consultation)),
  ask: (consultation: string, body: { amount_cents: number; label: string }, idempotencyKey: string) =>
    request<Payment>(of(consultation), { method: 'POST', body, idempotencyKey }),
  cancel: (consultation: string, id: string) => request<Payment>(`${one(consultation, id)}/cancel`, { method: 'POST' }),
  retry: (consultation: string, id: string) => request<Payment>(`${one(consultation, id)}/retry`, { method: 'POST' }),
  refresh: (consultation: string, id: string) => request<Payment>(`${one(consultation, id)}/refresh`, { method: 'POST' }),
  refund: (consultation: string, id: string, amount_cents: number, idempotencyKey: string) =>
    request<Payment>(`${one(consultation, id)}/refund`, { method: 'POST', body: { amount_cents }, idempotencyKey }),
  receiptPath: (consultation: string, id: string): string => `${one(consultation, id)}/receipt`,
}

const ACTIVATION = '/api/v1/me/payment-activation'
export const activation = {
  get: () => request<Activation>(ACTIVATION),
  ask: (idempotencyKey: string) => request<Activation>(ACTIVATION, { method: 'POST', idempotencyKey }),
}
