import { expect, test } from 'vitest'
import type { Bundle } from './api'
import { timeline } from './timeline'

test('what the device told and what the server saw stand in one order', () => {
  const bundle: Bundle = {
    code: 'K7M4QX',
    made_at: '2026-01-01T10:00:00Z',
    expires_at: '2026-01-31T10:00:00Z',
    by: 'guest',
    diagnostic: { page: 'call', timeline: [{ at_s: -60, event: 'page_opened' }], errors: [{ at_s: -10, code: 'camera_denied' }] },
    consultation: {
      status: 'in_progress', kind: 'dossier', slot_start: '', slot_end: '', opens_at: '', closes_at: '', may_extend: false, invitations: [],
      participants: [{ role: 'patient', state: 'connected', joined_at: ['2026-01-01T09:59:30Z'], left_at: [] }],
      incidents: [{ at: '2026-01-01T09:59:55Z', kind: 'patient_disconnected', role: 'patient', duration_s: 12 }],
    },
  }
  expect(timeline(bundle).map(({ word, bad }) => [word, bad])).toEqual([
    ['page_opened', false],
    ['call_joined', false],
    ['camera_denied', true],
    ['patient_disconnected', true],
  ])
})
