import { request, requestVersioned } from '../api/client'
import type { Page, Role } from '../api/types'
import type { Legal } from '../home/legal'

/** The API of administrators: shapes as `docs/openapi-clinic.json` has them. */

const post = <R>(path: string, body?: unknown): Promise<R> => request<R>(path, { method: 'POST', ...(body === undefined ? {} : { body }) })
const query = (given: Record<string, string | undefined>): string => {
  const pairs = Object.entries(given).filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== '')
  return pairs.length === 0 ? '' : `?${new URLSearchParams(pairs).toString()}`
}

export interface RetentionRow {
  kept: string
  hours: number
  default_h: number
  min_h: number
  max_h: number
  settable: boolean
}
export interface ContactLine {
  phone?: string | null
  email?: string | null
  hours?: string | null
}
export const MINUTES = ['slot_minutes', 'early_minutes', 'late_minutes', 'immediate_minutes'] as const
export type Minutes = (typeof MINUTES)[number]
export type Defaults = Record<Minutes, number> & { identity_check: 'none' | 'first_letters' | 'birth_date' | 'code' }
export interface Settings {
  retention: RetentionRow[]
  contact: ContactLine
  defaults: Defaults
  bounds: Record<Minutes, { min: number; max: number; default: number }>
  legal: Legal
  support_may_extend: boolean
  organisation: string
  approval: 'auto' | 'manual' | 'psc'
}
export interface SettingsChange {
  retention?: Record<string, number>
  contact?: ContactLine
  defaults?: Partial<Defaults>
  legal?: Legal
  support_may_extend?: boolean
}
export const settings = {
  get: () => requestVersioned<Settings>('/api/v1/admin/settings'),
  change: (body: SettingsChange, etag: string) => requestVersioned<Settings>('/api/v1/admin/settings', { method: 'PATCH', body, etag }),
}

export const STATUSES = ['registered', 'email_verified', 'pending_approval', 'active', 'suspended', 'closed', 'rejected'] as const
export type AccountStatus = (typeof STATUSES)[number]
export const ROLES: readonly Role[] = ['professional', 'secretary', 'org_admin', 'support']
export interface User {
  id: string
  email: string
  /** Absent for who is no professional. */
  title?: string
  first_name?: string
  exercise_name?: string
  profession_code?: string
  national_number?: string
  id_verified_by?: string
  status: AccountStatus
  roles: Role[]
  works_for: string[]
  created_at: string
  last_login_at?: string | null
  second_factor: boolean
  has_password: boolean
  sessions: number
  last_administrator: boolean
}
/** How somebody is called here; by the address where no name is known, by the id where an account was closed. */
export function nameOf({ id, title, first_name, exercise_name, email }: User): string {
  const name = [title, first_name, exercise_name].filter((part) => part !== undefined && part !== '').join(' ')
  if (name !== '') return name
  return email === '' ? id : email
}
const user = (id: string): string => `/api/v1/admin/users/${encodeURIComponent(id)}`
export const users = {
  list: (status: string, role: string, cursor?: string) => request<Page<User>>(`/api/v1/admin/users${query({ status, role, cursor })}`),
  search: (email: string) => post<{ items: User[] }>('/api/v1/admin/users/search', { email }),
  get: (id: string) => request<User>(user(id)),
  block: (id: string) => post<User>(`${user(id)}/block`),
  close: (id: string) => post<User>(`${user(id)}/close`),
  unblock: (id: string) => post<User>(`${user(id)}/unblock`),
  resetSecondFactor: (id: string) => post<User>(`${user(id)}/second-factor/reset`),
  endSessions: (id: string) => post<User>(`${user(id)}/sessions/end`),
  setRoles: (id: string, roles: readonly Role[], works_for: readonly string[]) => request<User>(`${user(id)}/roles`, { method: 'PUT', body: { roles, works_for } }),
}

export interface AuditRow {
  seq: number
  at: string
  action: string
  outcome: 'ok' | 'denied' | 'failed'
  actor?: { type: string; id?: string | null } | null
  object?: string | null
  reason?: string | null
  ip_prefix?: string | null
  corr_id?: string | null
  withheld: boolean
}
export type Verdict =
  | { whole: true; events: number; first?: number | null; last?: number | null; head: string; checkpoint?: { seq: number; hash: string; at: string; signature: string } | null; public_key: string }
  | { whole: false; broken: { kind: string; seq?: number | null } }
export const audit = {
  list: (given: { action: string; from: string; to: string; cursor?: string }) => request<Page<AuditRow>>(`/api/v1/admin/audit${query({ ...given, limit: '100' })}`),
  actions: () => request<string[]>('/api/v1/admin/audit/actions'),
  verify: () => post<Verdict>('/api/v1/admin/audit/verify'),
}

export interface Adapter {
  name: string
  configured: boolean
  kind?: string | null
  last_success_at?: string | null
  last_failure_at?: string | null
  last_failure_code?: string | null
}
export interface Tried {
  name: string
  ok: boolean
  code: string
  took_ms: number
}
export const adapters = {
  list: () => request<{ since: string; items: Adapter[] }>('/api/v1/admin/adapters'),
  test: (name: string) => post<Tried>(`/api/v1/admin/adapters/${encodeURIComponent(name)}/test`),
}

export type Provider = 'stripe' | 'payzen' | 'emulator' | 'none'
export interface PaymentAccount {
  id: string
  professional_id: string
  professional: string
  status: 'requested' | 'configured' | 'tested' | 'enabled' | 'disabled'
  provider: Provider
  providers: Provider[]
  webhook_url?: string
  requested_at: string
  enabled_at?: string
}
const payment = (id: string): string => `/api/v1/payment-accounts/${encodeURIComponent(id)}`
export const payments = {
  list: (cursor?: string) => request<Page<PaymentAccount>>(`/api/v1/payment-accounts${query({ cursor })}`),
  configure: (id: string, credentials: Record<string, string>) => request<PaymentAccount>(`${payment(id)}/credentials`, { method: 'PUT', body: credentials }),
  test: (id: string) => post<PaymentAccount>(`${payment(id)}/test`),
  enable: (id: string) => post<PaymentAccount>(`${payment(id)}/enable`),
  disable: (id: string) => post<PaymentAccount>(`${payment(id)}/disable`),
}

export interface Client {
  id: string
  name: string
  enabled: boolean
  scopes: string[]
  accounts: string[]
  allowed_origins: string[]
  rate_per_minute: number
  secrets: number
  created_at: string
}
export interface ClientInput {
  name: string
  scopes: readonly string[]
  allowed_origins: readonly string[]
  accounts: readonly string[]
  rate_per_minute: number
}
interface WithSecret {
  client: Client
  client_secret: string
}
const client = (id: string): string => `/api/v1/api-clients/${encodeURIComponent(id)}`
export const clients = {
  list: (cursor?: string) => request<Page<Client>>(`/api/v1/api-clients${query({ limit: '50', cursor })}`),
  get: (id: string) => requestVersioned<Client>(client(id)),
  make: (body: ClientInput) => post<WithSecret>('/api/v1/api-clients', body),
  change: (id: string, body: Partial<ClientInput> & { enabled?: boolean }, etag: string) => request<Client>(client(id), { method: 'PATCH', body, etag }),
  addSecret: (id: string) => post<WithSecret>(`${client(id)}/secrets`),
  retireSecret: (id: string) => post<Client>(`${client(id)}/secrets/retire`),
}
