import { expect, test } from 'vitest'
import type { DocumentBody } from '../../api/documents'
import type { Person } from '../../api/types'
import { isToCheck, listed, maySign, mayReplace, mayWithdraw, reads, readersOf, stateOf } from './state'

const made = (more: Partial<DocumentBody>): DocumentBody => ({
  id: 'doc_1', version: 1, category: 'exam', name: 'a.pdf', mime: 'application/pdf', size: 1, sha256: '', state: 'available', signed: 'none', sender: 'par_1',
  own: true, visible_to: [{ role: 'patient' }], created_at: '2026-01-01T00:00:00Z', warnings: [], ...more,
})
const person = (id: string, role: Person['role'], state: Person['state'] = 'connected'): Person => ({ id, name: id, role, state, here: true, may_admit: false })

test('the sender reads whether it was opened, the reader whether it is new', () => {
  expect(stateOf(made({})).word).toBe('handedOver')
  expect(stateOf(made({ visible_to: [] })).word).toBe('kept')
  expect(stateOf(made({ state: 'opened', first_opened_at: '2026-01-01T00:00:00Z' })).word).toBe('openedByReader')
  expect(stateOf(made({ own: false })).word).toBe('fresh')
  // Somebody else opened it; this reader did not.
  expect(stateOf(made({ own: false, state: 'opened' })).word).toBe('fresh')
  expect(stateOf(made({ own: false, state: 'opened', first_opened_at: '2026-01-01T00:00:00Z' })).word).toBe('read')
})

test('only what others sent and is still to be looked at waits for a check', () => {
  expect(isToCheck(made({ own: false }))).toBe(true)
  expect(isToCheck(made({}))).toBe(false)
  expect(isToCheck(made({ own: false, state: 'quarantined' }))).toBe(false)
})

test('what was opened is not taken back but replaced', () => {
  expect(mayWithdraw(made({}))).toBe(true)
  expect(mayWithdraw(made({ state: 'opened' }))).toBe(false)
  expect(mayReplace(made({ state: 'opened' }))).toBe(true)
  expect(mayReplace(made({ state: 'replaced' }))).toBe(false)
  expect(mayWithdraw(made({ own: false }))).toBe(false)
})

test('a sealed PDF and a picture are not offered for signing', () => {
  expect(maySign(made({}))).toBe(true)
  expect(maySign(made({ signed: 'visible' }))).toBe(true)
  expect(maySign(made({ signed: 'pades_seal' }))).toBe(false)
  expect(maySign(made({ signed: 'pades_external' }))).toBe(false)
  expect(maySign(made({ mime: 'image/jpeg' }))).toBe(false)
  expect(maySign(made({ state: 'withdrawn' }))).toBe(false)
})

test('the list leaves out what is still sent from this page and what is erased, the newest first', () => {
  const all = [made({ id: 'doc_1' }), made({ id: 'doc_2', state: 'scanning' }), made({ id: 'doc_3', state: 'purged' }), made({ id: 'doc_4' })]
  expect(listed(all, new Set(['doc_2'])).map(({ id }) => id)).toEqual(['doc_4', 'doc_1'])
})

test('readers are the patient first, then whoever else is invited', () => {
  const people = [person('o', 'owner'), person('n', 'bedside_professional'), person('p', 'patient'), person('x', 'carer', 'removed')]
  expect(readersOf(people).map(({ key }) => key)).toEqual(['patient', 'n'])
  expect(reads({ id: 'n', role: 'bedside_professional' }, [{ participant: 'n' }])).toBe(true)
  expect(reads({ id: 'n', role: 'bedside_professional' }, [{ role: 'patient' }])).toBe(false)
})
