import { wordsOf } from '../i18n/context'
import { en } from '../i18n/en/documents'
import { fr } from '../i18n/fr/documents'

export const useDocumentWords = wordsOf({ fr, en })
