import { expect, test } from 'vitest'
import type { Person } from '../api/types'
import { between, captionIn, momentOf, type Moment } from './protocol'

const person = (role: Person['role'], state: Person['state']): Person => ({ id: `${role}-${state}`, name: 'Anne', role, state, here: true, may_admit: false })
const quiet: Moment = { joined: false, waiting: 0, present: 0, over: undefined, documents: [] }
const types = (before: Moment | undefined, after: Moment): string[] => between('cs_1', before, after).map((message) => message.type)

test('who is where follows from the states of the persons', () => {
  const moment = momentOf({ status: 'open', participants: [person('owner', 'connected'), person('patient', 'waiting'), person('carer', 'admitted')] }, [
    { id: 'doc_1', own: false, state: 'available' },
    { id: 'doc_2', own: true, state: 'available' },
    { id: 'doc_3', own: false, state: 'scanning' },
  ])
  expect(moment).toEqual({ joined: true, waiting: 1, present: 1, over: undefined, documents: ['doc_1'] })
})

test('each thing that happens is told once', () => {
  expect(types(undefined, quiet)).toEqual([])
  expect(types(quiet, { ...quiet, joined: true })).toEqual(['joined', 'waiting_patient'])
  expect(types({ ...quiet, joined: true }, { ...quiet, joined: true })).toEqual([])
  expect(types({ ...quiet, joined: true }, { ...quiet, joined: true, waiting: 1 })).toEqual(['patient_waiting'])
  expect(types({ ...quiet, joined: true, waiting: 1 }, { ...quiet, joined: true, present: 1 })).toEqual([])
  expect(types(quiet, { ...quiet, documents: ['doc_1'] })).toEqual(['document_received'])
  expect(types(quiet, { ...quiet, over: 'ended' })).toEqual(['ended'])
  expect(types({ ...quiet, over: 'ended' }, { ...quiet, over: 'validated' })).toEqual([])
})

test('a frame that opens in the middle tells who waits, and no document of before', () => {
  expect(types(undefined, { ...quiet, waiting: 2, documents: ['doc_1'] })).toEqual(['patient_waiting'])
})

test('nothing that is told names a person', () => {
  const after = momentOf({ status: 'ended', participants: [person('owner', 'connected'), person('patient', 'waiting')] }, [])
  expect(JSON.stringify(between('cs_1', quiet, after))).not.toContain('Anne')
})

test('captions are taken from the portal around the frame and from nobody else', () => {
  const around = {} as Window
  const data = { source: 'portal', version: 1, type: 'caption', id: '7', participant_id: 'par_1', text: 'Bonjour.', final: false }
  const taken = (more: Partial<Record<'data' | 'origin' | 'source', unknown>>): unknown =>
    captionIn({ data, origin: 'https://portail.example', source: around, ...more } as MessageEvent, 'https://portail.example', around)
  expect(taken({})).toEqual({ id: 'portal 7', identity: 'par_1', text: 'Bonjour.', final: false })
  expect(taken({ data: { ...data, participant_id: undefined, final: undefined } })).toEqual({ id: 'portal 7', identity: '', text: 'Bonjour.', final: true })
  expect(taken({ origin: 'https://autre.example' })).toBeUndefined()
  expect(taken({ source: {} })).toBeUndefined()
  for (const wrong of [null, 'caption', { ...data, type: 'admit' }, { ...data, version: 2 }, { ...data, text: 3 }, { ...data, id: undefined }]) expect(taken({ data: wrong })).toBeUndefined()
})
