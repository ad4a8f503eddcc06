import { createContext, useContext } from 'react'
import { preferredLanguage, type Language } from './language'

export interface ChosenLanguage {
  language: Language
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

export const LanguageContext = createContext<ChosenLanguage>({ language: 'fr', setLanguage: () => undefined })

export const useLanguage = (): ChosenLanguage => useContext(LanguageContext)

/** An area's texts in the language of the moment. Each part of the pages brings its own, so that none loads them all. */
export type Words<Catalogue> = ChosenLanguage & { t: Catalogue }

/**
 * The hook of one area, from its two catalogues:
 *
 *     export const useWords = wordsOf({ fr, en })
 *     const { t } = useWords()
 */
export function wordsOf<Catalogue>(catalogues: Record<Language, Catalogue>): () => Words<Catalogue> {
  return function useWords() {
    const chosen = useLanguage()
    return { ...chosen, t: catalogues[chosen.language] }
  }
}
