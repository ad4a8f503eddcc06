import { newKey, request, requestVersioned, type Versioned } from './client'
import type * as T from './types'

const post = <R>(path: string, body?: unknown): Promise<R> =>
  request<R>(path, { method: 'POST', ...(body === undefined ? {} : { body }) })
const of = (id: string): string => `/api/v1/consultations/${encodeURIComponent(id)}`

export type View = 'agenda' | 'today' | 'live' | 'upcoming' | 'to_validate' | 'done' | 'invited'

export const auth = {
  session: () => request<T.Session>('/api/v1/auth/session'),
  password: (email: string, password: string) => post<T.Session>('/api/v1/auth/password', { email, password }),
  secondFactor: (given: { code: string } | { recovery_code: string }) => post<T.Session>('/api/v1/auth/mfa', given),
  enrol: () => post<{ secret: string; uri: string }>('/api/v1/auth/mfa/enrolment'),
  confirmEnrolment: (code: string) =>
    post<{ recovery_codes: string[]; session: T.Session }>('/api/v1/auth/mfa/enrolment/confirm', { code }),
  newRecoveryCodes: () =>
    post<{ recovery_codes: string[]; session: T.Session }>('/api/v1/auth/mfa/recovery-codes'),
  reauthenticate: (given: { code: string } | { password: string }) =>
    post<T.Session>('/api/v1/auth/reauthenticate', given),
  logout: () => post<{ continue_at: string } | undefined>('/api/v1/auth/logout'),
  forgot: (email: string) => post<undefined>('/api/v1/auth/password/forgot', { email }),
  reset: (token: string, password: string) => post<undefined>('/api/v1/auth/password/reset', { token, password }),
  identity: (ticket: string) => post<T.Redeemed>('/api/v1/auth/identity', { ticket }),
  attach: (ticket: string, account_id: string) =>
    post<T.Redeemed>('/api/v1/auth/identity/attach', { ticket, account_id }),
  registerProven: (body: Record<string, unknown>) => post<unknown>('/api/v1/auth/identity/register', body),
  professions: () => request<T.Profession[]>('/api/v1/professions'),
  register: (body: Record<string, unknown>) => post<unknown>('/api/v1/registrations', body),
  confirmAddress: (token: string) => post<{ status: string }>('/api/v1/registrations/confirm', { token }),
  resendConfirmation: (email: string) => post<unknown>('/api/v1/registrations/resend', { email }),
}

export const me = {
  get: () => requestVersioned<T.Me>('/api/v1/me'),
  change: (body: Record<string, unknown>, etag: string) =>
    requestVersioned<T.Me>('/api/v1/me', { method: 'PATCH', body, etag }),
  setInterests: (interests: string[]) =>
    request<{ interests: string[] }>('/api/v1/me/interests', { method: 'PUT', body: { interests } }),
  sessions: () => request<{ items: T.OpenSession[] }>('/api/v1/me/sessions'),
  endSession: (id: string) => request<undefined>(`/api/v1/me/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  endOtherSessions: () => request<undefined>('/api/v1/me/sessions', { method: 'DELETE' }),
  setPassword: (password: string) => request<T.Session>('/api/v1/me/password', { method: 'PUT', body: { password } }),
  /** Erases the account. There is no way back. */
  close: () => request<undefined>('/api/v1/me', { method: 'DELETE' }),
}

export const consultations = {
  list: (view: View, cursor?: string) =>
    request<T.Page<T.Item>>(
      `/api/v1/consultations?${new URLSearchParams({ view, limit: '50', ...(cursor === undefined ? {} : { cursor }) }).toString()}`,
    ),
  create: (body: T.NewConsultation, idempotencyKey: string) =>
    request<T.Created>('/api/v1/consultations', { method: 'POST', body, idempotencyKey }),
  get: (id: string) => requestVersioned<T.Consultation>(of(id)),
  change: (id: string, body: { slot?: T.SlotInput }, etag: string) =>
    request<T.Consultation>(of(id), { method: 'PATCH', body, etag }),
  cancel: (id: string, etag: string) =>
    request<T.Consultation>(`${of(id)}/cancel`, { method: 'POST', body: {}, etag }),
  end: (id: string) => post<T.Consultation>(`${of(id)}/end`, {}),
  extend: (id: string, minutes: number) => post<T.Consultation>(`${of(id)}/extend`, { minutes }),
  replan: (id: string, slot: T.SlotInput, idempotencyKey: string) =>
    request<T.Created>(`${of(id)}/replan`, { method: 'POST', body: { slot }, idempotencyKey }),
  upgrade: (id: string, patient: T.PatientInput) =>
    post<T.Consultation & { warnings: T.Warning[] }>(`${of(id)}/upgrade`, { patient }),
  lock: (id: string, locked: boolean) =>
    request<undefined>(`${of(id)}/lock`, { method: 'PUT', body: { locked } }),
  mediaToken: (id: string) =>
    post<{ token: string; url: string; identity: string }>(`${of(id)}/media-token`),
  goToWaiting: (id: string) => post<T.Person>(`${of(id)}/waiting`),
}

export const people = {
  admit: (id: string, person: string, oral: boolean) =>
    post<T.Person>(`${of(id)}/participants/${person}/admit`, oral ? { consent_oral: true } : {}),
  deny: (id: string, person: string) => post<T.Person>(`${of(id)}/participants/${person}/deny`),
  remove: (id: string, person: string) => post<T.Person>(`${of(id)}/participants/${person}/remove`),
  sendBack: (id: string, person: string) => post<T.Person>(`${of(id)}/participants/${person}/send-back`),
}

export const invitations = {
  add: (id: string, body: T.GuestInput, idempotencyKey: string) =>
    request<T.Invitation>(`${of(id)}/invitations`, { method: 'POST', body, idempotencyKey }),
  resend: (id: string, invitation: string, corrected: { phone?: string; email?: string }) =>
    request<T.Invitation>(`${of(id)}/invitations/${invitation}/resend`, {
      method: 'POST',
      body: corrected,
      idempotencyKey: newKey(),
    }),
  link: (id: string, invitation: string) => post<T.LinkShown>(`${of(id)}/invitations/${invitation}/link`),
  revoke: (id: string, invitation: string) =>
    request<undefined>(`${of(id)}/invitations/${invitation}`, { method: 'DELETE' }),
}

export const form = {
  get: (id: string) => requestVersioned<T.FormBody>(`${of(id)}/form`),
  save: (id: string, body: { answers: Record<string, T.Answer>; acts: T.Act[] }, etag: string): Promise<Versioned<T.FormBody>> =>
    requestVersioned<T.FormBody>(`${of(id)}/form`, { method: 'PUT', body, etag }),
  validate: (id: string, etag: string) =>
    request<T.Report>(`${of(id)}/form/validate`, { method: 'POST', etag }),
  acts: () => request<T.Proposal[]>('/api/v1/acts'),
  addendum: (id: string, text: string, idempotencyKey: string) =>
    request<T.Report>(`${of(id)}/report/addendum`, { method: 'POST', body: { text }, idempotencyKey }),
  versions: (id: string) => request<T.Report[]>(`${of(id)}/report/versions`),
  previewPath: (id: string) => `${of(id)}/report/preview`,
  reportPath: (id: string, version?: number) =>
    `${of(id)}/report${version === undefined ? '' : `?version=${version}`}`,
}

export type ExportFormat = 'zip' | 'fhir' | 'cda' | 'billing.csv' | 'billing.pdf' | 'billing.json'
export const exportPath = (id: string, format: ExportFormat): string => `${of(id)}/export?format=${format}`
export const billingSheet = (id: string) => request<T.Sheet>(exportPath(id, 'billing.json'))

export const admin = {
  registrations: (cursor?: string) =>
    request<T.Page<T.PendingAccount>>(
      `/api/v1/registrations${cursor === undefined ? '' : `?cursor=${encodeURIComponent(cursor)}`}`,
    ),
  decide: (id: string, body: Record<string, unknown>) => post<unknown>(`/api/v1/registrations/${id}/decision`, body),
}
