import { wordsOf } from './context'
import { en } from './en/legal'
import { fr, type Catalogue } from './fr/legal'

export const useLegalWords = wordsOf<Catalogue>({ fr, en })
