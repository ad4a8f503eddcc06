import type { GuestView, LinkView } from './api'
import type { Gate } from './gate'

/** What decides what is shown at the door: before anybody comes in. */
export interface AtDoor {
  gate: Gate
  link: LinkView | 'loading' | 'unreachable' | 'unknown'
  /** The server's time, milliseconds since 1970. */
  now: number
  /** The link is in use on another device. */
  inUse: boolean
}

export type DoorScreen =
  | 'loading'
  | 'unreachable'
  | 'unknown'
  | 'gate'
  | 'too-early'
  | 'over'
  | 'cancelled'
  | 'revoked'
  | 'landing'
  | 'in-use'
  /** The call is over, its documents can be read. */
  | 'documents'

export function doorScreen({ gate, link, now, inUse }: AtDoor): DoorScreen {
  if (typeof link === 'string') return link
  switch (link.state) {
    case 'cancelled':
    case 'revoked':
    case 'over':
      return link.state
    case 'documents':
      return inUse ? 'in-use' : 'documents'
    case 'too_early':
    case 'open':
      break
  }
  if (now > Date.parse(link.closes_at)) return 'over'
  if (now < Date.parse(link.opens_at)) return 'too-early'
  if (gate !== 'fine') return 'gate'
  return inUse ? 'in-use' : 'landing'
}

/** What decides what is shown inside. */
export interface Facts {
  /** The server's time, milliseconds since 1970. */
  now: number
  guest: GuestView
  /** Why this visit is over, whatever the server says. */
  ended: 'left' | 'taken-over' | 'removed' | 'gone' | undefined
  /** The question where one is was answered or skipped. */
  placed: boolean
  /** What the browser will ask was explained. */
  explained: boolean
  /** Camera, microphone and loudspeaker were looked at. */
  checked: boolean
}

export type Screen =
  | 'identity'
  | 'locked'
  | 'consent'
  | 'refused'
  | 'place'
  | 'permissions'
  | 'check'
  | 'waiting'
  | 'call'
  | 'denied'
  | 'removed'
  | 'end'
  | 'taken-over'
  | 'left'
  | 'gone'

/** The one screen that follows from the facts. */
export function screenOf(facts: Facts): Screen {
  if (facts.ended !== undefined) return facts.ended
  const { guest } = facts
  switch (guest.next) {
    case 'identity':
      return isLocked(guest, facts.now) ? 'locked' : 'identity'
    case 'documents':
    case 'over':
      return 'end'
    case 'consent':
    case 'refused':
    case 'denied':
    case 'removed':
      return guest.next
    case 'wait':
      if (!facts.placed) return 'place'
      break
    case 'waiting':
    case 'join':
      break
  }
  // Whoever was let in early, or loaded the page again, still has to open the devices.
  if (!facts.explained) return 'permissions'
  if (!facts.checked || guest.next === 'wait') return 'check'
  return guest.next === 'join' ? 'call' : 'waiting'
}

function isLocked(guest: GuestView, now: number): boolean {
  return guest.identity_locked_until !== undefined && now < Date.parse(guest.identity_locked_until)
}

/** How long after the hour somebody waits before it is apologised for, in milliseconds. */
export const LATE_MS = 15 * 60_000

/** When to apologise: a quarter of an hour after the hour of the appointment, or after coming, whichever is later. */
export const apologyAt = (startsAt: string, waitsSince: number): number => Math.max(Date.parse(startsAt), waitsSince) + LATE_MS
