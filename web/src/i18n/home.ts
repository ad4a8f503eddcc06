import { wordsOf } from './context'
import { en } from './en/home'
import { fr, type Catalogue } from './fr/home'

export const useHomeWords = wordsOf<Catalogue>({ fr, en })
