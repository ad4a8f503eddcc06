import { wordsOf } from './context'
import { en } from './en/documents'
import { fr, type Catalogue } from './fr/documents'

/** Texts of documents and of the signature placed on them. */
export type { Catalogue }
export const useWords = wordsOf<Catalogue>({ fr, en })
