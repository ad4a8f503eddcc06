import { wordsOf } from './context'
import { en } from './en/payment'
import { fr, type Catalogue } from './fr/payment'

/** Texts of online payment. */
export type { Catalogue }
export const useWords = wordsOf<Catalogue>({ fr, en })
