import { request } from '../api/client'
import type { Invitation } from '../api/types'
import type { Diagnostic } from './bundle'

/** The shapes of the support API, as `docs/openapi-clinic.json` has them. */

export interface Contact {
  organisation: string
  phone?: string | null
  email?: string | null
  hours?: string | null
}
export interface Sent {
  code: string
  expires_at: string
}
export interface Incident {
  at: string
  kind: string
  role?: string | null
  duration_s?: number | null
}
export interface About {
  status: string
  kind: string
  slot_start: string
  slot_end: string
  opens_at: string
  closes_at: string
  started_at?: string | null
  ended_at?: string | null
  may_extend: boolean
  participants: { role: string; state: string; device?: string | null; joined_at: string[]; left_at: string[] }[]
  incidents: Incident[]
  invitations: Invitation[]
}
export interface Bundle {
  code: string
  made_at: string
  expires_at: string
  by: 'guest' | 'account'
  role?: string | null
  diagnostic: Diagnostic
  consultation?: About | null
}

const bundle = (code: string): string => `/api/v1/support/bundles/${encodeURIComponent(code)}`

export const contact = () => request<Contact>('/api/v1/contact')
export const send = (diagnostic: Diagnostic) => request<Sent>('/api/v1/support/bundles', { method: 'POST', body: diagnostic })
export const read = (code: string) => request<Bundle>(bundle(code))
export const resend = (code: string, invitation: string, idempotencyKey: string) =>
  request<Invitation>(`${bundle(code)}/invitations/${encodeURIComponent(invitation)}/resend`, { method: 'POST', body: {}, idempotencyKey })
export const extend = (code: string, minutes: number) => request<Bundle>(`${bundle(code)}/extend`, { method: 'POST', body: { minutes } })
