import { wordsOf } from './context'
import { en } from './en/embed'
import { fr, type Catalogue } from './fr/embed'

export const useEmbedWords = wordsOf<Catalogue>({ fr, en })
