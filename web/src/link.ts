/** What the join link carries. The server alone judges the token; the page only reads it to greet and to warn early. */
export interface JoinLink {
  token: string
  room: string
  identity: string
  /** The name others will see; the identity when the token has no name. */
  name: string
  /** The holder may change the name shown. */
  mayRename: boolean
  /** Seconds since 1970, if the token expires. */
  expires?: number
}

export type LinkProblem = 'missing' | 'broken' | 'expired'
export type ReadLink = { ok: true; link: JoinLink } | { ok: false; problem: LinkProblem }

/** Clocks of visitors are often a little wrong: an early warning must not refuse a token that the server would take. */
const CLOCK_SLACK_SECONDS = 120

/**
 * The token from `#token=…`, which browsers never send to a server and so never reaches a log, or from `?token=…`.
 */
export function tokenFrom(hash: string, search: string): string | undefined {
  const fragment = new URLSearchParams(hash.startsWith('#') ? hash.slice(1) : hash)
  const query = new URLSearchParams(search)
  const token = fragment.get('token') ?? query.get('token')
  return token === null || token === '' ? undefined : token
}

export function readLink(hash: string, search: string, nowSeconds: number): ReadLink {
  const token = tokenFrom(hash, search)
  if (token === undefined) return { ok: false, problem: 'missing' }
  const claims = readClaims(token)
  if (claims === undefined) return { ok: false, problem: 'broken' }
  const video = asRecord(claims.video) ?? {}
  const identity = asText(claims.sub) ?? ''
  const room = asText(video.room) ?? new URLSearchParams(search).get('room') ?? ''
  if (identity === '') return { ok: false, problem: 'broken' }
  const expires = typeof claims.exp === 'number' ? claims.exp : undefined
  if (expires !== undefined && expires + CLOCK_SLACK_SECONDS < nowSeconds) return { ok: false, problem: 'expired' }
  return {
    ok: true,
    link: {
      token,
      room,
      identity,
      name: asText(claims.name) ?? identity,
      mayRename: video.canUpdateOwnMetadata === true,
      ...(expires === undefined ? {} : { expires }),
    },
  }
}

/** The payload of a JWT, unverified. */
function readClaims(token: string): Record<string, unknown> | undefined {
  const parts = token.split('.')
  const payload = parts[1]
  if (parts.length !== 3 || payload === undefined) return undefined
  try {
    const binary = atob(payload.replaceAll('-', '+').replaceAll('_', '/'))
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(binary, (c) => c.charCodeAt(0)))
    return asRecord(JSON.parse(text))
  } catch {
    return undefined
  }
}

function asRecord(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
