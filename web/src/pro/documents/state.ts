import type { DocumentBody, Visibility } from '../../api/documents'
import type { Person, PersonRole } from '../../api/types'
import type { Tone } from '../../ui/Chip'

export type StateWord =
  | 'interrupted'
  | 'checking'
  | 'kept'
  | 'handedOver'
  | 'openedByReader'
  | 'fresh'
  | 'read'
  | 'withdrawn'
  | 'replaced'
  | 'quarantined'
  | 'rejected'

/** What the state of a document means to whoever looks at it. */
export function stateOf(document: DocumentBody): { word: StateWord; tone: Tone } {
  const opened = document.first_opened_at !== undefined && document.first_opened_at !== null
  switch (document.state) {
    case 'uploading':
      return { word: 'interrupted', tone: 'warn' }
    case 'received':
    case 'scanning':
      return { word: 'checking', tone: 'active' }
    case 'available':
    case 'opened':
      if (!document.own) return opened ? { word: 'read', tone: 'neutral' } : { word: 'fresh', tone: 'active' }
      if (opened) return { word: 'openedByReader', tone: 'good' }
      return document.visible_to.length === 0 ? { word: 'kept', tone: 'neutral' } : { word: 'handedOver', tone: 'neutral' }
    case 'withdrawn':
      return { word: 'withdrawn', tone: 'neutral' }
    case 'replaced':
      return { word: 'replaced', tone: 'neutral' }
    case 'quarantined':
      return { word: 'quarantined', tone: 'bad' }
    case 'rejected':
    case 'purged':
      return { word: 'rejected', tone: 'bad' }
  }
}

export const isThere = ({ state }: DocumentBody): boolean => state === 'available' || state === 'opened'
export const isReadable = (document: DocumentBody): boolean => isThere(document) || document.state === 'replaced'
/** Sent by somebody else, and not looked at yet. */
export const isToCheck = (document: DocumentBody): boolean => stateOf(document).word === 'fresh'
/** Taken back while nobody opened it; afterwards only another takes its place. */
export const mayWithdraw = (document: DocumentBody): boolean => document.own && document.state === 'available'
export const mayReplace = (document: DocumentBody): boolean => document.own && isThere(document)
/** A PDF that carries a cryptographic signature already is never written again. */
export const maySign = (document: DocumentBody): boolean =>
  isThere(document) && document.mime === 'application/pdf' && (document.signed === 'none' || document.signed === 'visible')

/** What is listed: not what is still on its way from this page, the newest first. */
export function listed(all: readonly DocumentBody[], underWay: ReadonlySet<string>): DocumentBody[] {
  return all.filter(({ id, state }) => state !== 'purged' && !underWay.has(id)).reverse()
}

/** The readers that can be chosen: everybody of the consultation but its owner, the patient first. */
export function readersOf(people: readonly Person[]): { key: string; visibility: Visibility; name: string; role: PersonRole }[] {
  const others = people.filter(({ role, state }) => role !== 'owner' && role !== 'patient' && state !== 'removed' && state !== 'denied')
  const patient = people.find(({ role }) => role === 'patient')
  return [
    { key: 'patient', visibility: { role: 'patient' }, name: patient?.name ?? '', role: 'patient' as const },
    ...others.map(({ id, name, role }) => ({ key: id, visibility: { participant: id }, name, role })),
  ]
}

/** Whether a person is among the readers. */
export const reads = (person: Pick<Person, 'id' | 'role'>, visibility: readonly Visibility[]): boolean =>
  visibility.some((one) => ('role' in one ? one.role === person.role : one.participant === person.id))
