/** The guest's API, `/p/v1`: see docs/openapi-clinic.json. The secret of a link travels in bodies only. */

export type LinkState = 'too_early' | 'open' | 'documents' | 'over' | 'cancelled' | 'revoked'

/** What a link shows before anybody comes in. Times are ISO 8601, `zone` an IANA name. */
export interface LinkView {
  state: LinkState
  now: string
  professional: string
  organisation: string
  practice_phone?: string
  starts_at: string
  ends_at: string
  opens_at: string
  closes_at: string
  zone: string
  moved: boolean
  shared_device: boolean
  /** When somebody answers the telephone. */
  contact_hours?: string
}

export type NextStep =
  | 'identity'
  | 'consent'
  | 'wait'
  | 'waiting'
  | 'join'
  | 'refused'
  | 'denied'
  | 'removed'
  | 'documents'
  | 'over'

export type Question = 'none' | 'first_letters' | 'birth_date' | 'code'

/** The guest's own view. */
export interface GuestView {
  next: NextStep
  participant_id: string
  role: string
  name: string
  /** Of the place: `waiting`, `admitted`, `connected` and others. */
  state: string
  professional: string
  practice_phone?: string
  /** What the consultation can do: `send_document` and others. */
  capabilities: readonly string[]
  kind: 'immediate' | 'dossier'
  starts_at: string
  closes_at: string
  /** IANA name. */
  zone: string
  /** Until when documents can be read, once the call is over. */
  documents_until?: string
  identity_check: Question
  identity_locked_until?: string
  representative_required: boolean
  callback_suggested?: string
  present: readonly { role: string; name: string }[]
}

export interface GuestSession {
  csrf_token: string
  guest: GuestView
}

export interface ConsentText {
  version: string
  lines: readonly string[]
}

export interface MediaToken {
  token: string
  url: string
  identity: string
}

export type DeviceClass = 'phone' | 'tablet' | 'desktop'

/** A refusal of the server, or `unreachable` when there was no answer. `detail` is for people, in their language. */
export class Refused extends Error {
  override name = 'Refused'
  readonly code: string
  readonly detail: string
  constructor(code: string, detail: string) {
    super(code)
    this.code = code
    this.detail = detail
  }
}

/** Let in, whether or not the line holds at this moment: then documents and payments are there. */
export const isIn = ({ next, state }: GuestView): boolean =>
  (next === 'join' || next === 'documents') && ['admitted', 'connected', 'reconnecting'].includes(state)

/** How long an answer may take, in milliseconds: phones on the move lose requests without a word. */
const PATIENCE_MS = 20_000

export class GuestApi {
  private csrf = ''
  private language = 'fr'

  /** `fr` or `en`: the language of refusals and of the text to agree to. */
  speak(language: string): void {
    this.language = language
  }

  look = (secret: string): Promise<LinkView> => this.post('links/look', { secret })

  async enter(secret: string, takeOver: boolean, device: DeviceClass): Promise<GuestView> {
    return this.keep(await this.post<GuestSession>('links/session', { secret, take_over: takeOver, device }))
  }
  /** The session of this browser; rejects with `unauthenticated` when there is none. */
  async again(): Promise<GuestView> {
    return this.keep(await this.request<GuestSession>('GET', 'session'))
  }
  consentText = (): Promise<ConsentText> => this.request('GET', 'consent')
  consent = (decision: 'accepted' | 'refused', version: string, representative: string | undefined): Promise<GuestView> =>
    this.post('consent', {
      decision,
      text_version: version,
      ...(representative === undefined ? {} : { given_by: 'representative', representative_name: representative }),
    })
  identity = (answer: string): Promise<GuestView> => this.post('identity', { answer })
  location = (place: string, callback: string): Promise<GuestView> =>
    this.post('location', { ...(place === '' ? {} : { place }), ...(callback === '' ? {} : { callback }) })
  wait = (): Promise<GuestView> => this.post('waiting')
  mediaToken = (): Promise<MediaToken> => this.post('media-token')
  leave = (): Promise<void> => this.post('leave')

  private keep(session: GuestSession): GuestView {
    this.csrf = session.csrf_token
    return session.guest
  }

  post<T>(path: string, body?: object): Promise<T> {
    return this.request('POST', path, body)
  }

  /** One request and its JSON. Bytes travel as they are, everything else as JSON. */
  async request<T>(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<T> {
    const response = await this.send(method, path, body, headers)
    return response.status === 204 ? (undefined as T) : ((await response.json()) as T)
  }

  /** The bytes of a file. */
  async bytes(path: string): Promise<ArrayBuffer> {
    return (await this.send('GET', path)).arrayBuffer()
  }

  private async send(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Response> {
    const patience = new AbortController()
    const timer = setTimeout(() => patience.abort(), PATIENCE_MS)
    const raw = body instanceof Blob
    try {
      const response = await fetch(`/p/v1/${path}`, {
        method,
        signal: patience.signal,
        credentials: 'same-origin',
        cache: 'no-store',
        headers: {
          'accept-language': this.language,
          ...(this.csrf === '' ? {} : { 'x-csrf-token': this.csrf }),
          ...(body === undefined ? {} : { 'content-type': raw ? 'application/octet-stream' : 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: raw ? body : JSON.stringify(body) }),
      })
      if (!response.ok) throw await refusal(response)
      return response
    } catch (error) {
      if (error instanceof Refused) throw error
      throw new Refused('unreachable', '')
    } finally {
      clearTimeout(timer)
    }
  }
}

async function refusal(response: Response): Promise<Refused> {
  // A proxy in between answers in its own way.
  const body: unknown = await response.json().catch(() => undefined)
  const { code, detail } = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  const word = response.status >= 502 ? 'unreachable' : 'internal'
  return new Refused(typeof code === 'string' ? code : word, typeof detail === 'string' ? detail : '')
}

/** The code of a failure, for choosing words. */
export const codeOf = (error: unknown): string => (error instanceof Refused ? error.code : 'internal')
