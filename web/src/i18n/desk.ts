import { wordsOf } from './context'
import { en } from './en/desk'
import { fr, type Catalogue } from './fr/desk'

/** Texts of the call's quality, the billing sheet and parts of the account. */
export type { Catalogue }
export const useWords = wordsOf<Catalogue>({ fr, en })
