import type { PlainText } from './i18n/call'

/** Which devices a request for media asked for. */
export interface Wanted {
  camera: boolean
  microphone: boolean
}

/** What to say when the browser refuses camera or microphone. Names are those of the Media Capture specification. */
export function explainMediaError(error: unknown, wanted: Wanted): PlainText {
  switch (nameOf(error)) {
    case 'NotAllowedError':
    case 'SecurityError':
    case 'PermissionDeniedError':
      if (wanted.camera && wanted.microphone) return 'mediaDenied'
      return wanted.camera ? 'mediaCameraDenied' : 'mediaMicrophoneDenied'
    case 'NotFoundError':
    case 'OverconstrainedError':
    case 'DevicesNotFoundError':
      if (wanted.camera && wanted.microphone) return 'mediaNone'
      return wanted.camera ? 'mediaNoCamera' : 'mediaNoMicrophone'
    case 'NotReadableError':
    case 'TrackStartError':
    case 'AbortError':
      return 'mediaBusy'
    default:
      return 'mediaFailed'
  }
}

/**
 * What to say when the call cannot start. The shape is that of the client's connection errors: `reasonName` says
 * where it failed, `status` the HTTP status when the server answered with one.
 */
export function explainJoinError(error: unknown): PlainText {
  const reason = textOf(error, 'reasonName')
  const message = textOf(error, 'message').toLowerCase()
  const status = numberOf(error, 'status')
  if (message.includes('requested room does not exist')) return 'errorNoRoom'
  if (reason === 'NotAllowed' || status === 401 || status === 403) {
    return message.includes('expired') ? 'errorTokenExpired' : 'errorTokenRefused'
  }
  if (status === 503 || status === 429) return 'errorFull'
  if (message.includes('pc connection') || message.includes('peer connection')) return 'errorMediaPath'
  if (reason === 'ServerUnreachable' || reason === 'Timeout' || reason === 'WebSocket' || reason === 'ServiceNotFound') {
    return 'errorUnreachable'
  }
  return 'errorUnknown'
}

export type EndReason = 'left' | 'finished' | 'removed' | 'elsewhere' | 'lost'

/** How the call ended, from the protocol's disconnect reason (its number). */
export function endReason(reason: number | undefined): EndReason {
  switch (reason) {
    case 1: // CLIENT_INITIATED
      return 'left'
    case 2: // DUPLICATE_IDENTITY
      return 'elsewhere'
    case 4: // PARTICIPANT_REMOVED
      return 'removed'
    case 5: // ROOM_DELETED
    case 10: // ROOM_CLOSED
      return 'finished'
    default:
      return 'lost'
  }
}

function nameOf(error: unknown): string {
  return textOf(error, 'name')
}

function textOf(error: unknown, key: string): string {
  const value = fieldOf(error, key)
  return typeof value === 'string' ? value : ''
}

function numberOf(error: unknown, key: string): number | undefined {
  const value = fieldOf(error, key)
  return typeof value === 'number' ? value : undefined
}

function fieldOf(error: unknown, key: string): unknown {
  return typeof error === 'object' && error !== null ? (error as Record<string, unknown>)[key] : undefined
}
