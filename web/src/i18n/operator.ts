import { wordsOf } from './context'
import { en } from './en/operator'
import { fr, type Catalogue } from './fr/operator'

export const useOperatorWords = wordsOf<Catalogue>({ fr, en })
