/** What somebody says, as text. */
export interface Caption {
  /** Of the stretch of speech: a corrected text keeps it. */
  id: string
  /** Who speaks; empty where nobody knows. */
  identity: string
  text: string
  /** Not corrected any more. */
  final: boolean
}

/** The topic of text streams on which programs that transcribe send what they hear: LiveKit's agents do. */
export const CAPTIONS = 'lk.transcription'

/** So many stretches of speech are shown, the newest last. */
const SHOWN_MAX = 3
/** One is taken away so long after its last change, in milliseconds: time for slow readers. */
const READ_MS = 10_000
/** Of a long one the end is shown, in characters. */
const TEXT_MAX = 240
/** What is shown of a long text. */
export const endOf = (text: string): string => text.slice(-TEXT_MAX)

/** The captions of a call, bounded in number, length and time. Nothing of them is kept. */
export class Captions {
  /** Some came since the call began. */
  came = false
  private shown: readonly Caption[] = []
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>()
  private readonly changed: () => void

  constructor(changed: () => void) {
    this.changed = changed
  }

  list(): readonly Caption[] {
    return this.shown
  }

  heard(caption: Caption): void {
    const text = endOf(caption.text.trim())
    if (text === '') return
    this.came = true
    const next = { ...caption, text }
    const known = this.shown.some(({ id }) => id === caption.id)
    const all = known ? this.shown.map((each) => (each.id === caption.id ? next : each)) : [...this.shown, next]
    for (const { id } of all.slice(0, -SHOWN_MAX)) this.forget(id)
    this.shown = all.slice(-SHOWN_MAX)
    this.forget(caption.id)
    this.timers.set(caption.id, setTimeout(() => this.take(caption.id), READ_MS))
    this.changed()
  }

  /** The call is over. */
  end(): void {
    for (const { id } of this.shown) this.forget(id)
    this.shown = []
  }

  private take(id: string): void {
    this.forget(id)
    this.shown = this.shown.filter((each) => each.id !== id)
    this.changed()
  }

  private forget(id: string): void {
    clearTimeout(this.timers.get(id))
    this.timers.delete(id)
  }
}

/** Who sent a text stream. */
export interface Sender {
  /** Empty for somebody whom the server hides. */
  identity: string
  /** A program that the server's keys let in as one. */
  isAgent: boolean
}

/** Whose words a stream holds: only agents, and programs that the server hides, speak for others. */
export function speakerOf(sender: Sender, ownerOfTrack: string | undefined): string {
  const trusted = sender.isAgent || sender.identity === ''
  return trusted && ownerOfTrack !== undefined ? ownerOfTrack : sender.identity
}

type Listener = (caption: Caption) => void
const listeners = new Set<Listener>()

/** Captions from outside the room: of the portal around the frame. */
export const offerCaption: Listener = (caption) => listeners.forEach((listener) => listener(caption))

export function onOfferedCaption(listener: Listener): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
