import { createContext, useContext } from 'react'
import type { Language } from './language'

export interface ChosenLanguage {
  language: Language
  setLanguage: (language: Language) => void
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
