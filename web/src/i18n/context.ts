import { createContext, useContext } from 'react'
import type { Catalogue } from './fr'
import { catalogues, preferredLanguage, type Language } from './language'

export interface Words {
  language: Language
  t: Catalogue
  setLanguage: (language: Language) => void
}

const STORED = 'chevet.language'

/** The language chosen earlier on this device, else the browser's. Storage may be forbidden: then nothing is kept. */
export function initialLanguage(): Language {
  try {
    const stored = localStorage.getItem(STORED)
    if (stored === 'fr' || stored === 'en') return stored
  } catch {
    // Private modes may refuse storage.
  }
  return preferredLanguage(navigator.languages)
}

export function rememberLanguage(language: Language): void {
  try {
    localStorage.setItem(STORED, language)
  } catch {
    // Private modes may refuse storage.
  }
}

export const WordsContext = createContext<Words>({ language: 'fr', t: catalogues.fr, setLanguage: () => undefined })

export const useWords = (): Words => useContext(WordsContext)
