import { wordsOf } from './context'
import { en } from './en/support'
import { fr, type Catalogue } from './fr/support'

export const useSupportWords = wordsOf<Catalogue>({ fr, en })
