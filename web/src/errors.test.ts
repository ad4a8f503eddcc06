import { expect, test } from 'vitest'
import { endReason, explainJoinError, explainMediaError } from './errors'

const both = { camera: true, microphone: true }
const named = (name: string) => Object.assign(new Error('x'), { name })

test('a refused device is told apart from a missing one and from a busy one', () => {
  expect(explainMediaError(named('NotAllowedError'), both)).toBe('mediaDenied')
  expect(explainMediaError(named('NotAllowedError'), { camera: true, microphone: false })).toBe('mediaCameraDenied')
  expect(explainMediaError(named('NotFoundError'), { camera: false, microphone: true })).toBe('mediaNoMicrophone')
  expect(explainMediaError(named('NotReadableError'), both)).toBe('mediaBusy')
  expect(explainMediaError('odd', both)).toBe('mediaFailed')
})

test('each way a call fails to start has its own words', () => {
  const failure = (reasonName: string, message = '', status?: number) => ({ reasonName, message, status })
  expect(explainJoinError(failure('NotAllowed', 'token is expired', 401))).toBe('errorTokenExpired')
  expect(explainJoinError(failure('NotAllowed', 'invalid token', 401))).toBe('errorTokenRefused')
  expect(explainJoinError(failure('NotAllowed', 'requested room does not exist', 404))).toBe('errorNoRoom')
  expect(explainJoinError(failure('InternalError', 'busy', 503))).toBe('errorFull')
  expect(explainJoinError(failure('InternalError', 'could not establish pc connection'))).toBe('errorMediaPath')
  expect(explainJoinError(failure('ServerUnreachable'))).toBe('errorUnreachable')
  expect(explainJoinError(undefined)).toBe('errorUnknown')
})

test('leaving, being replaced and losing the line end on different words', () => {
  expect(endReason(1)).toBe('left')
  expect(endReason(2)).toBe('elsewhere')
  expect(endReason(4)).toBe('removed')
  expect(endReason(5)).toBe('finished')
  expect(endReason(undefined)).toBe('lost')
})
