import type { GuestApi } from '../api'

export type Category = 'prescription' | 'report' | 'exam' | 'certificate' | 'photo' | 'invoice' | 'other'
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

/** A document as the patient's side sees it. */
export interface Document {
  id: string
  category: Category
  name: string
  /** By content; empty until it was checked. */
  mime: string
  size: number
  state: DocumentState
  /** Handed over from here. */
  own: boolean
  created_at: string
  /** When it was opened here; of an own one, when somebody else did. */
  first_opened_at?: string
  replaced_by?: string
}

export interface UploadState {
  document: Document
  /** Bytes that are there: where the next piece begins. */
  received: number
  /** Longest piece. */
  piece_max: number
}

/** What sending a file takes of the server; tests stand in for it. */
export interface Transport {
  announce: (file: { name: string; size: number; sha256: string; category: Category }) => Promise<UploadState>
  piece: (id: string, first: number, piece: Blob, size: number) => Promise<UploadState>
  state: (id: string) => Promise<UploadState>
  complete: (id: string) => Promise<Document>
  one: (id: string) => Promise<Document>
  giveUp: (id: string) => Promise<unknown>
}

export const transportOf = (api: GuestApi): Transport => ({
  announce: (file) => api.post('documents', file),
  piece: (id, first, piece, size) =>
    api.request('PUT', `documents/${id}/upload`, piece, { 'content-range': `bytes ${first}-${first + piece.size - 1}/${size}` }),
  state: (id) => api.request('GET', `documents/${id}/upload`),
  complete: (id) => api.post(`documents/${id}/complete`),
  one: (id) => api.request('GET', `documents/${id}`),
  giveUp: (id) => withdraw(api, id),
})

export const listOf = (api: GuestApi): Promise<readonly Document[]> => api.request('GET', 'documents')
export const withdraw = (api: GuestApi, id: string): Promise<Document> => api.post(`documents/${id}/withdraw`)
export const bytesOf = (api: GuestApi, id: string): Promise<ArrayBuffer> => api.bytes(`documents/${id}/content`)
/** Where a browser saves it from. */
export const saveAddress = (id: string): string => `/p/v1/documents/${id}/content?download=true`

/** To be shown and saved. */
export const isReadable = (document: Document): boolean =>
  document.state === 'available' || document.state === 'opened' || document.state === 'replaced'
