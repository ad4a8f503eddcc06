export type Theme = 'auto' | 'light' | 'dark' | 'contrast'
/** How the pages are shown on this device. */
export interface Display {
  theme: Theme
  /** Steps of the text size from the ordinary one, which is 0. */
  size: number
}

export const themes: readonly Theme[] = ['auto', 'light', 'dark', 'contrast']
export const SIZES = { least: -1, most: 4 } as const
const STORED = 'chevet.display'
const listeners = new Set<() => void>()
let current = stored()

export const display = (): Display => current

export function setDisplay(change: Partial<Display>): void {
  current = checked({ ...current, ...change })
  try {
    localStorage.setItem(STORED, JSON.stringify(current))
  } catch {
    // Private modes may refuse storage: it holds until the page is closed.
  }
  for (const listener of listeners) listener()
}

/** Puts the choice on the document, where the style sheet reads it, until the answer is called. */
export function showDisplay(display: Display, professional: boolean): () => void {
  const { dataset } = document.documentElement
  dataset.size = String(display.size)
  dataset.side = professional ? 'professional' : 'patient'
  const device = matchMedia('(prefers-color-scheme: dark)')
  const paint = (): void => {
    dataset.theme = display.theme === 'auto' ? (device.matches ? 'dark' : 'light') : display.theme
  }
  paint()
  device.addEventListener('change', paint)
  return () => device.removeEventListener('change', paint)
}

/** What was stored, as far as it makes sense. */
export function checked(value: unknown): Display {
  const { theme, size } = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  return {
    theme: themes.find((each) => each === theme) ?? 'auto',
    size: typeof size === 'number' && Number.isInteger(size) ? Math.min(SIZES.most, Math.max(SIZES.least, size)) : 0,
  }
}

function stored(): Display {
  try {
    return checked(JSON.parse(localStorage.getItem(STORED) ?? 'null'))
  } catch {
    return checked(undefined)
  }
}

export function onDisplay(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
