import { describe, expect, test } from 'vitest'
import type { GuestView, LinkView, NextStep } from './api'
import { apologyAt, doorScreen, screenOf, type AtDoor, type Facts } from './screens'

const OPENS = Date.parse('2026-05-14T12:20:00Z')
const CLOSES = Date.parse('2026-05-14T13:30:00Z')
const link: LinkView = {
  state: 'open',
  now: '2026-05-14T12:25:00Z',
  professional: 'Dr Martin',
  organisation: 'Cabinet',
  starts_at: '2026-05-14T12:30:00Z',
  ends_at: '2026-05-14T12:50:00Z',
  opens_at: new Date(OPENS).toISOString(),
  closes_at: new Date(CLOSES).toISOString(),
  zone: 'Europe/Paris',
  moved: false,
  shared_device: false,
}
const guest = (next: NextStep, more: Partial<GuestView> = {}): GuestView => ({
  next,
  participant_id: 'prt_1',
  role: 'patient',
  name: 'Anne',
  state: 'checking',
  professional: 'Dr Martin',
  capabilities: [],
  kind: 'dossier',
  starts_at: link.starts_at,
  closes_at: link.closes_at,
  zone: 'Europe/Paris',
  identity_check: 'birth_date',
  representative_required: false,
  present: [],
  ...more,
})
const show = (more: Partial<AtDoor>) => doorScreen({ gate: 'fine', link, now: OPENS + 60_000, inUse: false, ...more })
const inside = (next: NextStep, more: Partial<Facts> = {}) =>
  screenOf({ now: OPENS + 60_000, guest: guest(next), ended: undefined, placed: false, explained: false, checked: false, ...more })

describe('before coming in', () => {
  test('the clock opens the page without a reload, and closes it', () => {
    const early = { ...link, state: 'too_early' as const }
    expect(show({ link: early, now: OPENS - 1 })).toBe('too-early')
    expect(show({ link: early, now: OPENS })).toBe('landing')
    expect(show({ now: CLOSES + 1 })).toBe('over')
  })
  test.each(['over', 'cancelled', 'revoked'] as const)('a link that is %s says so, on any browser', (state) => {
    expect(show({ link: { ...link, state }, gate: 'webview' })).toBe(state)
  })
  test('whoever is too early learns the hour even in the wrong browser', () => {
    expect(show({ now: OPENS - 1, gate: 'webview' })).toBe('too-early')
    expect(show({ gate: 'webview' })).toBe('gate')
    expect(show({ gate: 'old' })).toBe('gate')
  })
  test('a link in use elsewhere asks before it takes over', () => {
    expect(show({ inUse: true })).toBe('in-use')
  })
  test('after the call the same link leads to the documents, on any browser', () => {
    const documents = { ...link, state: 'documents' as const }
    expect(show({ link: documents, gate: 'old', now: CLOSES + 1 })).toBe('documents')
    expect(show({ link: documents, inUse: true })).toBe('in-use')
  })
  test('no answer and no such link are told apart', () => {
    expect(show({ link: 'unknown' })).toBe('unknown')
    expect(show({ link: 'unreachable' })).toBe('unreachable')
  })
})

describe('inside', () => {
  test('the steps come in their order', () => {
    expect(inside('identity')).toBe('identity')
    expect(inside('consent')).toBe('consent')
    expect(inside('wait')).toBe('place')
    expect(inside('wait', { placed: true })).toBe('permissions')
    expect(inside('wait', { placed: true, explained: true })).toBe('check')
    expect(inside('waiting', { placed: true, explained: true, checked: true })).toBe('waiting')
    expect(inside('join', { placed: true, explained: true, checked: true })).toBe('call')
  })
  test('nobody is said to wait before the server says so', () => {
    expect(inside('wait', { placed: true, explained: true, checked: true })).toBe('check')
  })
  test('after a reload the devices are opened again, nothing else is asked', () => {
    expect(inside('waiting')).toBe('permissions')
    expect(inside('join', { explained: true })).toBe('check')
  })
  test('too many wrong answers close the question for a while', () => {
    const locked = guest('identity', { identity_locked_until: new Date(OPENS + 120_000).toISOString() })
    expect(inside('identity', { guest: locked })).toBe('locked')
    expect(inside('identity', { guest: locked, now: OPENS + 120_000 })).toBe('identity')
  })
  test.each([
    ['refused', 'refused'],
    ['denied', 'denied'],
    ['removed', 'removed'],
    ['documents', 'end'],
    ['over', 'end'],
  ] as const)('%s ends on its own words, in the middle of a call too', (next, screen) => {
    expect(inside(next, { placed: true, explained: true, checked: true })).toBe(screen)
  })
  test('another device ends the visit here, whatever was known', () => {
    expect(inside('join', { ended: 'taken-over', checked: true, explained: true })).toBe('taken-over')
  })
})

test('an apology comes a quarter of an hour after the hour, and never at once to whoever came late', () => {
  const hour = Date.parse(link.starts_at)
  expect(apologyAt(link.starts_at, hour - 600_000)).toBe(hour + 900_000)
  expect(apologyAt(link.starts_at, hour + 1_200_000)).toBe(hour + 2_100_000)
})
