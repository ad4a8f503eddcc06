import { preferredLanguage, type Language } from './language'

const STORED = 'chevet.language'
/** What was chosen on this page, where storage is forbidden. */
let chosen: Language | undefined

/** The language chosen earlier on this device, else the browser's. */
export function initialLanguage(): Language {
  if (chosen !== undefined) return chosen
  try {
    const stored = localStorage.getItem(STORED)
    if (stored === 'fr' || stored === 'en') return stored
  } catch {
    // Private modes may refuse storage.
  }
  return preferredLanguage(navigator.languages)
}

export function rememberLanguage(language: Language): void {
  chosen = language
  try {
    localStorage.setItem(STORED, language)
  } catch {
    // Private modes may refuse storage.
  }
}
