import type { Language } from '../../i18n/language'

/** `25,00 €` */
export const euros = (cents: number, language: Language): string =>
  new Intl.NumberFormat(language === 'fr' ? 'fr-FR' : 'en-GB', { style: 'currency', currency: 'EUR' }).format(cents / 100)

/** `25,00`, for a field. */
export const typedEuros = (cents: number): string => (cents / 100).toFixed(2).replace('.', ',')

/** Cents of what somebody typed: `25`, `25,5`, `1 000.00`. Nothing for anything else. */
export function centsOf(typed: string): number | undefined {
  const found = /^(\d{1,7})(?:[.,](\d{1,2}))?$/.exec(typed.replace(/[\s€]/g, ''))
  if (found === null) return undefined
  return Number(found[1]) * 100 + Number((found[2] ?? '').padEnd(2, '0'))
}
