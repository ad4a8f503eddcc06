import { wordsOf } from '../i18n/context'
import { en as linkEn } from '../i18n/en/link'
import { en } from '../i18n/en/patient'
import { fr as linkFr } from '../i18n/fr/link'
import { fr } from '../i18n/fr/patient'

export const usePatientWords = wordsOf({ fr: { ...linkFr, ...fr }, en: { ...linkEn, ...en } })
export type PatientWords = ReturnType<typeof usePatientWords>['t']
