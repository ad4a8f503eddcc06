import { wordsOf } from './context'
import { en } from './en/admin'
import { fr, type Catalogue } from './fr/admin'

export const useAdminWords = wordsOf<Catalogue>({ fr, en })
