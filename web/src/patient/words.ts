import { wordsOf } from '../i18n/context'
import { en } from '../i18n/en/patient'
import { fr } from '../i18n/fr/patient'

export const usePatientWords = wordsOf({ fr, en })
