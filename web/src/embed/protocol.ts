/**
 * What the frame tells the portal around it, version 1. Ids and words only: names, numbers and documents stay inside.
 *
 * The portal hears `{ source: 'chevet', version: 1, type, … }` and checks `event.origin` before it believes any of it.
 */
import type { Consultation, Person } from '../api/types'
import type { Caption } from '../call/captions'

export type Message =
  /** The link was good; the consultation is shown. */
  | { type: 'ready'; consultation_id: string }
  /** The professional is in the call. */
  | { type: 'joined'; consultation_id: string }
  /** The professional is in the call and nobody else is here or at the door. */
  | { type: 'waiting_patient'; consultation_id: string }
  /** Somebody came to the waiting room. */
  | { type: 'patient_waiting'; consultation_id: string; waiting: number }
  | { type: 'ended'; consultation_id: string; status: string }
  /** Somebody else handed over a document. */
  | { type: 'document_received'; consultation_id: string; document_id: string }
  /** `link-unknown`, `session-expired`, `network`, or another code of the API. */
  | { type: 'error'; code: string }

export interface Received {
  id: string
  own: boolean
  state: string
}

/** What is told depends on this much. */
export interface Moment {
  joined: boolean
  waiting: number
  present: number
  /** The state that it ended in. */
  over: string | undefined
  documents: readonly string[]
}

const RUNNING = ['scheduled', 'open', 'in_progress', 'interrupted']
const HERE = ['admitted', 'connected', 'reconnecting']
/** States of a document that its receiver can open. */
const OPENABLE = ['available', 'opened']

export function momentOf(consultation: Pick<Consultation, 'status' | 'participants'>, documents: readonly Received[]): Moment {
  const guests = consultation.participants.filter((person) => person.role !== 'owner')
  const count = (wanted: (person: Person) => boolean): number => guests.filter(wanted).length
  return {
    joined: consultation.participants.some((person) => person.role === 'owner' && person.state === 'connected'),
    waiting: count((person) => person.state === 'waiting'),
    present: count((person) => HERE.includes(person.state)),
    over: RUNNING.includes(consultation.status) ? undefined : consultation.status,
    documents: documents.filter((each) => !each.own && OPENABLE.includes(each.state)).map((each) => each.id),
  }
}

/** What happened between two moments; before the first there was nothing, and documents of then are not news. */
export function between(id: string, before: Moment | undefined, after: Moment): Message[] {
  const told: Message[] = []
  const alone = (moment: Moment | undefined): boolean => moment !== undefined && moment.joined && moment.waiting === 0 && moment.present === 0
  if (after.joined && before?.joined !== true) told.push({ type: 'joined', consultation_id: id })
  if (alone(after) && !alone(before)) told.push({ type: 'waiting_patient', consultation_id: id })
  if (after.waiting > (before?.waiting ?? 0)) told.push({ type: 'patient_waiting', consultation_id: id, waiting: after.waiting })
  if (before !== undefined) {
    for (const document_id of after.documents) {
      if (!before.documents.includes(document_id)) told.push({ type: 'document_received', consultation_id: id, document_id })
    }
  }
  if (after.over !== undefined && before?.over === undefined) told.push({ type: 'ended', consultation_id: id, status: after.over })
  return told
}

/** To the portal's page, if it is of this origin; browsers drop it otherwise. */
export function post(origin: string | undefined, message: Message): void {
  if (origin === undefined || window.parent === window) return
  window.parent.postMessage({ source: 'chevet', version: 1, ...message }, origin)
}

/**
 * What the portal tells the frame, version 1: words that a program of its own heard. Nothing else is taken, and from nobody but
 * the page around the frame.
 */
export function captionIn(event: Pick<MessageEvent, 'data' | 'origin' | 'source'>, origin: string, around: unknown): Caption | undefined {
  if (event.origin !== origin || event.source !== around) return undefined
  const { source, version, type, id, text, final, participant_id } = Object(event.data) as Record<string, unknown>
  if (source !== 'portal' || version !== 1 || type !== 'caption') return undefined
  if (typeof id !== 'string' || typeof text !== 'string') return undefined
  return { id: `portal ${id}`, identity: typeof participant_id === 'string' ? participant_id : '', text, final: final !== false }
}

/**
 * The origin around the frame as the browser tells it. Before the link is redeemed nothing else says to whom a failure can
 * be told; the server's `frame-ancestors` let no page but the portal's come this far.
 */
export function originAround(): string | undefined {
  // Firefox has no ancestorOrigins.
  const ancestors = (location as { ancestorOrigins?: DOMStringList }).ancestorOrigins
  if (ancestors !== undefined) return ancestors[0]
  try {
    return new URL(document.referrer).origin
  } catch {
    return undefined
  }
}
