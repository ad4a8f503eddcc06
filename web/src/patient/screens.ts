import type { GuestView, LinkView } from './api'
import type { Gate } from './gate'

/** Everything that decides what is shown. */
export interface Facts {
  gate: Gate
  link: LinkView | 'loading' | 'unreachable' | 'unknown'
  /** The server's time, milliseconds since 1970. */
  now: number
  /** Present once inside. */
  guest: GuestView | undefined
  /** The link is in use on another device. */
  inUse: boolean
  /** Why this visit is over, whatever the server says. */
  ended: 'left' | 'taken-over' | 'gone' | undefined
  /** The question where one is was answered or skipped. */
  placed: boolean
  /** What the browser will ask was explained. */
  explained: boolean
  /** Camera, microphone and loudspeaker were looked at. */
  checked: boolean
}

/** All but the time, which passes by itself. */
export type Given = Omit<Facts, 'now'>

/** What is known of a link that nobody looked at yet. */
export const START: Given = {
  gate: 'fine',
  link: 'loading',
  guest: undefined,
  inUse: false,
  ended: undefined,
  placed: false,
  explained: false,
  checked: false,
}

export type Screen =
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
  if (facts.guest !== undefined) return inside(facts, facts.guest)
  const { link } = facts
  if (typeof link === 'string') return link
  switch (link.state) {
    case 'cancelled':
    case 'revoked':
    case 'over':
      return link.state
    case 'documents':
      return 'end'
    case 'too_early':
    case 'open':
      break
  }
  if (facts.now > Date.parse(link.closes_at)) return 'over'
  if (facts.now < Date.parse(link.opens_at)) return 'too-early'
  if (facts.gate !== 'fine') return 'gate'
  return facts.inUse ? 'in-use' : 'landing'
}

function inside(facts: Facts, guest: GuestView): Screen {
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
