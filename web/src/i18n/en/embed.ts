import type { Catalogue } from '../fr/embed'

const failures: Record<string, string> = {
  'link-unknown': 'This link was used already, or is older than a minute.',
  'session-expired': 'The session is over.',
  network: 'The server does not answer. Check your connection.',
  'quota-exceeded': 'Too many tries. Wait a minute.',
}

export const en: Catalogue = {
  line: 'Video consultation',
  opening: 'Opening the consultation…',
  failedTitle: 'The consultation does not open',
  failedText: 'Go back to your portal and open it again.',
  failedOther: 'Opening it failed.',
  failures,
}
