import { request } from '../api/client'

/** Who answers for this server, as `GET /api/v1/legal` has it; `null` is what nobody set. */
export interface Text {
  fr: string | null
  en: string | null
}
export interface Legal {
  publisher: { name: string | null; address: string | null; registration: string | null }
  host: { name: string | null; address: string | null }
  dpo_email: string | null
  privacy: Text
  terms: Text
}

export const legal = () => request<Legal>('/api/v1/legal')

/** The text in the reader's language, or the other one with its own language said. */
export function told(text: Text, language: 'fr' | 'en'): { text: string; lang: 'fr' | 'en' } | undefined {
  for (const lang of [language, language === 'fr' ? 'en' : 'fr'] as const) {
    const found = text[lang]
    if (found !== null) return { text: found, lang }
  }
  return undefined
}
