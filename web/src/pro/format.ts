import type { Consultation } from '../api/types'
import type { Language } from '../i18n/language'

const tag = (language: Language): string => (language === 'fr' ? 'fr-FR' : 'en-GB')

export const dayTime = (at: string, language: Language, zone?: string): string =>
  new Intl.DateTimeFormat(tag(language), { dateStyle: 'medium', timeStyle: 'short', ...(zone === undefined ? {} : { timeZone: zone }) }).format(new Date(at))
export const timeOf = (at: string, language: Language, zone?: string): string =>
  new Intl.DateTimeFormat(tag(language), { timeStyle: 'short', ...(zone === undefined ? {} : { timeZone: zone }) }).format(new Date(at))
export const dayOf = (at: string, language: Language): string =>
  new Intl.DateTimeFormat(tag(language), { dateStyle: 'medium' }).format(new Date(at))

/** `02/03/1941` of `1941-03-02`; unknown parts, written `00`, are left out. */
export function birthDay(date: string): string {
  const [year, month, day] = date.split('-')
  return [day, month, year].filter((part) => part !== undefined && part !== '00').join('/')
}

/** Whom a consultation is with: by the file, by the name that one may know, or by the number that was called. */
export function whoOf({ patient, patient_name, phone }: Pick<Consultation, 'patient' | 'patient_name' | 'phone'>): string | undefined {
  if (patient === undefined || patient === null) return patient_name ?? phone ?? undefined
  return `${patient.first_names.join(' ')} ${patient.used_name ?? patient.birth_name}`
}

/** First names as somebody types them: by commas or spaces; a hyphen keeps a name together. */
export const firstNames = (typed: string): string[] => typed.split(/[\s,;]+/).filter((name) => name !== '')

/** `06 12 34 56 78` while typing; international numbers in pairs after their `+`, other signs dropped. */
export function phoneAsTyped(typed: string): string {
  const plus = typed.trimStart().startsWith('+')
  const digits = typed.replace(/\D/g, '').slice(0, 15)
  if (plus) return `+${digits}`
  return digits.replace(/(\d{2})(?=\d)/g, '$1 ')
}

/** `1 h 05 min`, `12 min`, `40 s`. */
export function lasting(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`
}

/** An instant as a form's date-and-time value in a zone: `2026-12-03T14:30`. */
export function wallTime(at: Date, zone: string): string {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(at)
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.find((each) => each.type === type)?.value ?? ''
  return `${part('year')}-${part('month')}-${part('day')}T${part('hour')}:${part('minute')}`
}

export const blank = (text: string): string | undefined => (text.trim() === '' ? undefined : text.trim())
