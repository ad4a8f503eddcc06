import { wordsOf } from './context'
import { en } from './en/pro'
import { fr, type Catalogue } from './fr/pro'

export type { Catalogue }
/** Names of the texts that take nothing. */
export type PlainText = { [K in keyof Catalogue]: Catalogue[K] extends string ? K : never }[keyof Catalogue]
export const useWords = wordsOf<Catalogue>({ fr, en })
