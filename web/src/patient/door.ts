import { codeOf, GuestApi, type DeviceClass, type GuestView, type LinkView } from './api'
import { rememberedSeat, rememberSeat } from './seat'

/** One link, from outside: how it stands, and the way in. */
export class Door {
  readonly api = new GuestApi()
  readonly secret: string
  link: LinkView | 'loading' | 'unreachable' | 'unknown' = 'loading'
  /** How far the device's clock is from the server's, in milliseconds. */
  private skew = 0
  /** A session that this browser still holds from before the page was loaded again. */
  private held: GuestView | undefined

  constructor(secret: string) {
    this.secret = secret
    if (secret === '') this.link = 'unknown'
  }

  /** The server's time, milliseconds since 1970. */
  readonly now = (): number => Date.now() + this.skew

  async look(): Promise<void> {
    if (this.secret === '') return
    try {
      const link = await this.api.look(this.secret)
      this.skew = Date.parse(link.now) - Date.now()
      const seat = link.state === 'open' || link.state === 'documents' ? await rememberedSeat(this.secret) : undefined
      const guest = seat === undefined ? undefined : await this.api.again().catch(() => undefined)
      this.held = guest?.participant_id === seat ? guest : undefined
      this.link = link
    } catch (error) {
      const code = codeOf(error)
      this.link = code === 'link-unknown' || code === 'validation-failed' ? 'unknown' : 'unreachable'
    }
  }

  /** For the next try to come in. */
  hold(guest: GuestView): void {
    this.held = guest
  }

  /** Comes in, or goes on with what this browser holds. */
  async enter(takeOver: boolean): Promise<GuestView> {
    const { held } = this
    this.held = undefined
    if (held !== undefined) return held
    const guest = await this.api.enter(this.secret, takeOver, deviceClass())
    await rememberSeat(this.secret, guest.participant_id, typeof this.link === 'object' && this.link.shared_device)
    return guest
  }
}

export function deviceClass(): DeviceClass {
  if (!matchMedia('(pointer: coarse)').matches) return 'desktop'
  return Math.min(screen.width, screen.height) >= 600 ? 'tablet' : 'phone'
}
