/** The shapes of the clinic's API that the pages use; the description is `docs/openapi-clinic.json`. Times are RFC 3339. */

export type Step = 'done' | 'second_factor' | 'enrol_second_factor'
export type Role = 'professional' | 'secretary' | 'org_admin' | 'support'
export interface Session {
  account_id: string
  csrf_token: string
  expires_at: string
  locale: string
  next: Step
  present_until?: string | null
  roles: Role[]
}
export interface Practice {
  address?: string
  finess?: string | null
  name?: string
  phone?: string | null
  siret?: string | null
}
export type IdentityCheck = 'none' | 'first_letters' | 'birth_date' | 'code'
export interface Defaults {
  /** Empty: title and names. */
  display_name: string
  early_minutes: number
  late_minutes: number
  slot_minutes: number
  identity_check: IdentityCheck
}
export interface Me {
  id: string
  title: string
  first_name: string
  exercise_name: string
  email: string
  mobile?: string | null
  profession_code: string
  id_type: string
  national_number: string
  id_verified_by: string
  department?: string | null
  practice: Practice
  interests: string[]
  tool_open: boolean
  signature_set: boolean
  second_factor: boolean
  recovery_codes_left: number
  roles: Role[]
  defaults: Defaults
  time_zone: string
  locale: string
}
export interface OpenSession {
  id: string
  /** The one that asks. */
  current: boolean
  method: string
  created_at: string
  seen_at: string
  expires_at: string
  browser?: string | null
  os?: string | null
}
export interface Profession {
  code: string
  fr: string
  en: string
  prescriber: boolean
}
export interface Candidate {
  account_id: string
  email: string
}
export interface Exercise {
  exercise_name: string
  first_name: string
  profession_code: string
}
export interface Offer {
  accounts: Candidate[]
  exercise_name: string
  exercises: Exercise[]
  first_name: string
  id_type: string
  national_number: string
}
export type Redeemed =
  | { outcome: 'done'; session: Session }
  | { outcome: 'offer'; offer: Offer }
  | { outcome: 'pending_approval' }

export type Kind = 'immediate' | 'dossier'
export type Status =
  | 'scheduled'
  | 'open'
  | 'in_progress'
  | 'interrupted'
  | 'ended'
  | 'validated'
  | 'cancelled'
  | 'no_show'
  | 'expired'
  | 'purged'
export type Channel = 'email' | 'sms' | 'copy' | 'qr'
export type GuestRole = 'co_professional' | 'bedside_professional' | 'carer' | 'interpreter' | 'facility_staff'
export type PersonRole = GuestRole | 'owner' | 'patient'
export type PersonState =
  | 'invited'
  | 'checking'
  | 'waiting'
  | 'admitted'
  | 'connected'
  | 'reconnecting'
  | 'left'
  | 'denied'
  | 'removed'
export interface Slot {
  start: string
  end: string
  zone: string
}
export interface Item {
  id: string
  kind: Kind
  status: Status
  slot: Slot
  patient_name?: string | null
  phone?: string | null
  waiting: number
  connected: number
}
export interface Page<T> {
  items: T[]
  next?: string | null
}
export interface Lights {
  sent: boolean
  delivered: boolean
  opened: boolean
  waiting: boolean
}
export type InvitationStatus =
  | 'queued'
  | 'sending'
  | 'sent'
  | 'delivered'
  | 'opened'
  | 'bounced'
  | 'failed'
  | 'suppressed'
  | 'revoked'
  | 'expired'
export interface Invitation {
  id: string
  participant_id: string
  channel: Channel
  destination: string
  name?: string | null
  role: PersonRole
  status: InvitationStatus
  lights: Lights
  /** To read to the patient, where the identity question wants a code. */
  code?: string | null
  resends_left: number
  revoked_at?: string | null
}
export interface Person {
  id: string
  name: string
  role: PersonRole
  state: PersonState
  here: boolean
  consent?: 'accepted' | 'refused' | null
  /** Absent where nobody asked who they are. */
  identity_passed?: boolean | null
  device?: 'phone' | 'tablet' | 'desktop' | null
  device_verdict?: 'green' | 'orange' | 'red' | null
  place?: string | null
  callback?: string | null
  /** Their line carries no picture any more; absent for those who may not know. */
  picture_suspended?: boolean | null
  may_admit: boolean
}
export type Sex = 'M' | 'F' | 'U'
export interface Patient {
  id: string
  birth_name: string
  used_name?: string | null
  first_names: string[]
  birth_date: string
  age: number
  minor: boolean
  sex: Sex
  email?: string | null
  mobile?: string | null
  nir_known: boolean
  identity_status: 'prov' | 'vali' | 'recup' | 'qual'
}
export interface PatientInput {
  birth_name?: string
  used_name?: string
  first_names?: string[]
  birth_date?: string
  sex?: Sex
  birth_place_cog?: string
  nir?: string
  attending_physician?: string
  representative?: string
}
export interface Contact {
  recipient?: 'patient' | 'carer' | 'facility'
  name?: string
  channel: Channel
  email?: string
  phone?: string
  locale?: string
}
export interface GuestInput {
  role: GuestRole
  name: string
  channel: Channel
  email?: string
  phone?: string
  locale?: string
}
export interface SlotInput {
  start: string
  duration_minutes: number
  zone: string
}
export interface NewConsultation {
  kind: Kind
  phone?: string
  now?: boolean
  slot?: SlotInput
  patient?: PatientInput
  patient_id?: string
  contacts?: Contact[]
  participants?: GuestInput[]
  locale?: string
  facility_id?: string
}
export type Trigger =
  | 'open'
  | 'reschedule'
  | 'cancel'
  | 'admit'
  | 'lose'
  | 'resume'
  | 'end'
  | 'time_out'
  | 'close'
  | 'extend'
  | 'upgrade'
  | 'validate'
  | 'addendum'
  | 'purge'
export interface Consultation {
  id: string
  kind: Kind
  status: Status
  slot: Slot
  window: { opens_at: string; closes_at: string }
  owner: string
  professional: string
  patient?: Patient | null
  patient_name?: string | null
  phone?: string | null
  locked: boolean
  capabilities: string[]
  allowed_transitions: Trigger[]
  participants: Person[]
  invitations?: Invitation[]
  started_at?: string | null
  ended_at?: string | null
  retention_until?: string | null
  video_seconds: number
  audio_only_seconds: number
  replaces?: string | null
}
export interface Warning {
  code: string
  id?: string | null
}
export type Created = Consultation & { warnings: Warning[] }
export interface Facility {
  id: string
  name: string
  address: string
}
export interface LinkShown {
  url: string
  qr_svg: string
}
export interface Label {
  fr: string
  en: string
}
export interface FormField {
  id: string
  kind: 'line' | 'text' | 'choice' | 'yes_no'
  label: Label
  required?: boolean
  billing?: boolean
  choices?: { id: string; label: Label }[]
}
export interface Act {
  code: string
  system: string
  amount_cents?: number | null
  qualifiers?: string[]
}
export interface Proposal {
  code: string
  system: string
  fr: string
  en: string
  profession: string
  amount_cents?: number | null
}
export type Answer = string | boolean
export interface FormBody {
  template: { id: string; version: number; label: Label; fields: FormField[] }
  answers: Record<string, Answer>
  acts: Act[]
  missing: string[]
  validated_at?: string | null
  updated_at?: string | null
}
export interface Report {
  id: string
  version: number
  created_at: string
  bytes: number
  sha256: string
}
export interface Sheet {
  title: string
  notice: string
  groups: { id: string; label: string; lines: { id: string; label: string; value: string }[] }[]
  acts: { code: string; qualifiers: string[]; label: string; amount_cents?: number | null }[]
  help: string[]
}
export interface PendingAccount {
  id: string
  title: string
  first_name: string
  exercise_name: string
  email: string
  profession_code: string
  id_type: string
  national_number: string
  number_used_elsewhere: boolean
  practice: Practice
  created_at: string
}
