/**
 * Requests to the clinic's API. The session is a cookie; what proves that a request comes from these pages is the CSRF
 * token of the session, kept in memory only.
 */

import { remember } from '../support/memory'

export interface FieldProblem {
  /** JSON pointer into the request. */
  pointer: string
  /** A stable word. */
  code: string
  message?: string | null
}

interface ProblemBody {
  code?: unknown
  detail?: unknown
  errors?: unknown
  corr_id?: unknown
}

/** A refusal of the server (`application/problem+json`), or `code: 'network'` where no answer came. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly code: string
  readonly fields: readonly FieldProblem[]
  readonly correlation: string | undefined
  /** Seconds to wait, where the server says so. */
  readonly retryAfter: number | undefined

  constructor(
    status: number,
    code: string,
    detail: string,
    more: { fields?: readonly FieldProblem[]; correlation?: string; retryAfter?: number } = {},
  ) {
    super(detail)
    this.status = status
    this.code = code
    this.fields = more.fields ?? []
    this.correlation = more.correlation
    this.retryAfter = more.retryAfter
  }

  /** The word for the first refused field at or below `pointer`. */
  field(pointer: string): string | undefined {
    return this.fields.find((field) => field.pointer === pointer || field.pointer.startsWith(`${pointer}/`))?.code
  }
}

/** An answer with its version, to be given back as `If-Match` when it is changed. */
export interface Versioned<T> {
  value: T
  etag: string
}

export interface Options {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  body?: unknown
  etag?: string
  /** The same key for every try of one wish: the server does it once. */
  idempotencyKey?: string
  signal?: AbortSignal
  /** Instead of `body`: bytes as they are. */
  bytes?: Blob
  /** `Content-Range` of `bytes`. */
  range?: string
}

let csrf: string | undefined
let bearer: string | undefined
const loggedOut = new Set<() => void>()

export function setCsrf(token: string | undefined): void {
  csrf = token
}

/** In a portal's frame, where browsers keep cookies back: what requests carry instead. In memory only. */
export function setBearer(token: string | undefined): void {
  bearer = token
}

/** Tells when the server no longer knows the session. */
export function onLoggedOut(listener: () => void): () => void {
  loggedOut.add(listener)
  return () => loggedOut.delete(listener)
}

export const newKey = (): string => crypto.randomUUID()

/** Reads a refusal. What is no problem document becomes one with the code `http-<status>`. */
export function problemOf(status: number, text: string, retryAfter: string | null): ApiError {
  let body: ProblemBody = {}
  try {
    const read: unknown = JSON.parse(text)
    if (typeof read === 'object' && read !== null) body = read
  } catch {
    // A proxy's page, not the server's answer.
  }
  const fields = Array.isArray(body.errors) ? body.errors.filter(isFieldProblem) : []
  const wait = Number(retryAfter ?? NaN)
  return new ApiError(
    status,
    typeof body.code === 'string' ? body.code : `http-${status}`,
    typeof body.detail === 'string' ? body.detail : '',
    {
      fields,
      ...(typeof body.corr_id === 'string' ? { correlation: body.corr_id } : {}),
      ...(Number.isFinite(wait) ? { retryAfter: wait } : {}),
    },
  )
}

function isFieldProblem(value: unknown): value is FieldProblem {
  if (typeof value !== 'object' || value === null) return false
  const field = value as Record<string, unknown>
  return typeof field.pointer === 'string' && typeof field.code === 'string'
}

/** The headers of a request; apart for the tests. */
export function headersOf(options: Options, language: string, token: string | undefined): Record<string, string> {
  const changes = (options.method ?? 'GET') !== 'GET'
  return {
    Accept: 'application/json, application/problem+json',
    'Accept-Language': language === '' ? 'fr' : language,
    ...(options.body === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...(options.bytes === undefined ? {} : { 'Content-Type': options.bytes.type === '' ? 'application/octet-stream' : options.bytes.type }),
    ...(options.range === undefined ? {} : { 'Content-Range': options.range }),
    ...(changes && token !== undefined ? { 'X-CSRF-Token': token } : {}),
    ...(options.etag === undefined ? {} : { 'If-Match': options.etag }),
    ...(options.idempotencyKey === undefined ? {} : { 'Idempotency-Key': options.idempotencyKey }),
  }
}

/** How requests say who asks: by the cookie, or by the bearer of a frame. For those that are not sent from here. */
export function credentials(): { mode: RequestCredentials; headers: Record<string, string> } {
  return bearer === undefined ? { mode: 'same-origin', headers: {} } : { mode: 'omit', headers: { Authorization: `Bearer ${bearer}` } }
}

async function send(path: string, options: Options): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, {
      method: options.method ?? 'GET',
      headers: { ...headersOf(options, document.documentElement.lang, csrf), ...credentials().headers },
      credentials: credentials().mode,
      ...(options.bytes !== undefined ? { body: options.bytes } : options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    remember('network')
    throw new ApiError(0, 'network', '')
  }
  if (response.ok) return response
  const problem = problemOf(response.status, await response.text(), response.headers.get('Retry-After'))
  remember(problem.code)
  if (problem.code === 'unauthenticated') for (const listener of loggedOut) listener()
  throw problem
}

export async function request<T>(path: string, options: Options = {}): Promise<T> {
  const response = await send(path, options)
  const text = await response.text()
  return (text === '' ? undefined : JSON.parse(text)) as T
}

export async function requestVersioned<T>(path: string, options: Options = {}): Promise<Versioned<T>> {
  const response = await send(path, options)
  return { value: (await response.json()) as T, etag: response.headers.get('ETag') ?? '*' }
}

/** An answer that goes on: read as it comes. */
export async function requestStream(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  const { body } = await send(path, { signal })
  if (body === null) throw new ApiError(0, 'network', '')
  return body
}

/** One piece of a longer file, which begins at `first` of `total` bytes. */
export const sendPiece = <T>(path: string, piece: Blob, first: number, total: number, signal?: AbortSignal): Promise<T> =>
  request<T>(path, {
    method: 'PUT',
    bytes: piece,
    range: `bytes ${first}-${first + piece.size - 1}/${total}`,
    ...(signal === undefined ? {} : { signal }),
  })

/** The name in `Content-Disposition`: whole where it is given so (RFC 8187), else its ASCII form. */
export function fileNameOf(disposition: string): string | undefined {
  const whole = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1]
  try {
    if (whole !== undefined) return decodeURIComponent(whole)
  } catch {
    // Not what it says it is: the other form is there too.
  }
  return /filename="([^"]+)"/.exec(disposition)?.[1]
}

/** A file, with the name that the server gives it. */
export async function requestFile(path: string): Promise<{ blob: Blob; name: string }> {
  const response = await send(path, {})
  const name = fileNameOf(response.headers.get('Content-Disposition') ?? '')
  return { blob: await response.blob(), name: name ?? 'document' }
}

/**
 * Goes to an address that answers with a redirect to somebody else's login. Asked first without following, so that a
 * refusal becomes a message on this page instead of a page of JSON.
 */
export async function leaveFor(path: string): Promise<void> {
  const response = await fetch(path, {
    redirect: 'manual',
    credentials: 'same-origin',
    headers: { 'Accept-Language': document.documentElement.lang },
  }).catch(() => {
    throw new ApiError(0, 'network', '')
  })
  if (response.type !== 'opaqueredirect') {
    throw problemOf(response.status, await response.text(), response.headers.get('Retry-After'))
  }
  location.assign(path)
}
