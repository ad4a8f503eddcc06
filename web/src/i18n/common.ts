import { wordsOf } from './context'
import { en } from './en/common'
import { fr } from './fr/common'

export const useCommon = wordsOf({ fr, en })
