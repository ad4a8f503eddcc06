import { wordsOf } from './context'
import { en } from './en/deskDocuments'
import { fr, type Catalogue } from './fr/deskDocuments'

/** Texts of documents and of the signature placed on them. */
export type { Catalogue }
export const useWords = wordsOf<Catalogue>({ fr, en })
