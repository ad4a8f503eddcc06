import type { Category } from '../../api/documents'

const WORDS: [RegExp, Category][] = [
  [/ordo|prescri/i, 'prescription'],
  [/certif/i, 'certificate'],
  [/factur|invoice/i, 'invoice'],
  [/compte.?rendu|(^|[\W_])cr([\W_]|$)|report/i, 'report'],
  [/exam|bilan|analyse|ecg|radio|scanner|irm|result/i, 'exam'],
]

/** What a file may be, by its name; only a first choice in a list. */
export function guessCategory(name: string, type: string, mayPrescribe: boolean): Category {
  const found = WORDS.find(([word]) => word.test(name))?.[1]
  if (found !== undefined && (found !== 'prescription' || mayPrescribe)) return found
  return type.startsWith('image/') ? 'photo' : 'other'
}
