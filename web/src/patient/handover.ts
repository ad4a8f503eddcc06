import type { GuestView } from './api'
import type { Door } from './door'

/** What the page before the first tap knows when the rest takes over. */
export interface Handover {
  door: Door
  guest: GuestView
}

let handed: Handover | undefined

export const handOver = (given: Handover): void => {
  handed = given
}

export function takenOver(): Handover {
  if (handed === undefined) throw new Error('nobody came in')
  return handed
}
