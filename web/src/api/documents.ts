import { request, requestFile, sendPiece } from './client'
import type { PersonRole } from './types'

/** The shapes and requests of documents; the description is `docs/openapi-clinic.json`. */
export const CATEGORIES = ['prescription', 'report', 'exam', 'certificate', 'photo', 'invoice', 'other'] as const
export type Category = (typeof CATEGORIES)[number]
export type DocumentState =
  | 'uploading'
  | 'received'
  | 'scanning'
  | 'available'
  | 'opened'
  | 'withdrawn'
  | 'replaced'
  | 'quarantined'
  | 'rejected'
  | 'purged'
export type Signed = 'none' | 'visible' | 'pades_external' | 'pades_seal'
export type Visibility = { role: PersonRole } | { participant: string }

export interface DocumentBody {
  id: string
  version: number
  category: Category
  name: string
  /** By content; empty until it was checked. */
  mime: string
  size: number
  sha256: string
  state: DocumentState
  signed: Signed
  sender: string
  /** Handed over by whoever asks. */
  own: boolean
  visible_to: Visibility[]
  created_at: string
  /** When the asker opened it first; for the sender, when anybody else did. */
  first_opened_at?: string | null
  replaces?: string | null
  replaced_by?: string | null
  /** Code of the refusal. */
  refusal?: string | null
  /** `active-content`, `not-scanned`. */
  warnings: string[]
  /** Where this server sealed it. */
  seal?: { algorithm: string; certificate: string; time_stamp?: string | null; time_stamp_trusted?: boolean } | null
}

/** Fractions of the page as it is shown, from its top left. */
export interface Box {
  x: number
  y: number
  width: number
  height: number
}
export interface Placement {
  /** From 1; absent: the last one. */
  page?: number
  box: Box
  /** With the server's cryptographic seal. */
  seal: boolean
  visibility?: Visibility[]
}

export interface NewDocument {
  name: string
  size: number
  sha256: string
  category: Category
  visibility: Visibility[]
  replaces?: string
}

/** How far an upload is. */
export interface UploadState {
  document: DocumentBody
  /** Where the next piece begins. */
  received: number
  piece_max: number
}

const of = (consultation: string): string => `/api/v1/consultations/${encodeURIComponent(consultation)}/documents`
const one = (consultation: string, id: string): string => `${of(consultation)}/${encodeURIComponent(id)}`
const post = <R>(path: string, body: unknown, signal?: AbortSignal): Promise<R> =>
  request<R>(path, { method: 'POST', body, ...(signal === undefined ? {} : { signal }) })

export const documents = {
  list: (consultation: string) => request<DocumentBody[]>(of(consultation)),
  begin: (consultation: string, body: NewDocument, signal?: AbortSignal) => post<UploadState>(of(consultation), body, signal),
  piece: (consultation: string, id: string, piece: Blob, first: number, total: number, signal?: AbortSignal) =>
    sendPiece<UploadState>(`${one(consultation, id)}/upload`, piece, first, total, signal),
  progress: (consultation: string, id: string, signal?: AbortSignal) =>
    request<UploadState>(`${one(consultation, id)}/upload`, signal === undefined ? {} : { signal }),
  complete: (consultation: string, id: string, signal?: AbortSignal) =>
    post<DocumentBody>(`${one(consultation, id)}/complete`, {}, signal),
  /** Stamps the stored signature on a page; the answer is the new version. */
  sign: (consultation: string, id: string, placement: Placement) => post<DocumentBody>(`${one(consultation, id)}/signature`, placement),
  /** Adds readers. */
  share: (consultation: string, id: string, visibility: Visibility[]) => post<DocumentBody>(`${one(consultation, id)}/share`, { visibility }),
  withdraw: (consultation: string, id: string) => post<DocumentBody>(`${one(consultation, id)}/withdraw`, {}),
  /** Whoever did not send it has opened it by this. */
  content: (consultation: string, id: string) => requestFile(`${one(consultation, id)}/content`),
  savePath: (consultation: string, id: string): string => `${one(consultation, id)}/content?download=true`,
}

const SIGNATURE = '/api/v1/me/signature-image'
/** The stored picture of the professional's own signature. */
export const signatureImage = {
  get: () => requestFile(SIGNATURE),
  set: (picture: Blob) => request<{ width: number; height: number }>(SIGNATURE, { method: 'PUT', bytes: picture }),
  remove: () => request<undefined>(SIGNATURE, { method: 'DELETE' }),
}
