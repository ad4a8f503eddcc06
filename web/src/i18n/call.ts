import { wordsOf } from './context'
import { en } from './en/call'
import { fr, type Catalogue } from './fr/call'
import type { Language } from './language'

/** Texts of the join page and the call. */
export const catalogues: Record<Language, Catalogue> = { fr, en }
export const useWords = wordsOf(catalogues)

/** Names of the catalogue whose value is plain text: what an error can be told with. */
export type PlainText = { [K in keyof Catalogue]: Catalogue[K] extends string ? K : never }[keyof Catalogue]

/** A size for people: powers of ten, as operating systems show files. */
export function sizeText(bytes: number, language: Language): string {
  const t = catalogues[language]
  const number = (value: number): string =>
    new Intl.NumberFormat(language, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value)
  if (bytes < 1000) return t.bytes(bytes)
  if (bytes < 999_500) return t.kilobytes(number(bytes / 1000))
  return t.megabytes(number(bytes / 1_000_000))
}
