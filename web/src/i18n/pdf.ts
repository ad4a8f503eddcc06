import { wordsOf } from './context'
import { en } from './en/pdf'
import { fr } from './fr/pdf'

/** Texts of the viewer of PDFs. */
export const useWords = wordsOf({ fr, en })
