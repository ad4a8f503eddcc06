import type { Language } from '../i18n/language'

/** How much is left, for a countdown. */
export interface Left {
  days: number
  hours: number
  minutes: number
  seconds: number
}

/** The time from `now` to `then`, both milliseconds since 1970, rounded up to seconds; nothing is left of the past. */
export function timeLeft(now: number, then: number): Left {
  const total = Math.max(0, Math.ceil((then - now) / 1000))
  return {
    days: Math.floor(total / 86_400),
    hours: Math.floor(total / 3600) % 24,
    minutes: Math.floor(total / 60) % 60,
    seconds: total % 60,
  }
}

/** The two largest units that matter: a day ahead nobody counts seconds. */
export function leftText(left: Left, language: Language): string {
  const french = language === 'fr'
  const some = (n: number, one: string, many: string): string => `${n} ${n > 1 ? many : one}`
  const days = some(left.days, french ? 'jour' : 'day', french ? 'jours' : 'days')
  const hours = french ? `${left.hours} h` : some(left.hours, 'hour', 'hours')
  const minutes = `${left.minutes} min`
  if (left.days > 0) return left.hours > 0 ? `${days} ${hours}` : days
  if (left.hours > 0) return left.minutes > 0 ? `${hours} ${minutes}` : hours
  if (left.minutes > 0) return left.seconds > 0 ? `${minutes} ${left.seconds} s` : minutes
  return `${left.seconds} s`
}

/** « 14 h 30 », “2:30 pm”; in the zone of the appointment, which is the one of the message. */
export function hourText(iso: string, zone: string, language: Language): string {
  const at = new Date(iso)
  if (language === 'en') {
    return new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: 'numeric', minute: '2-digit', hour12: true }).format(at)
  }
  const parts = new Intl.DateTimeFormat('fr-FR', { timeZone: zone, hour: 'numeric', minute: '2-digit' }).formatToParts(at)
  const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? ''
  const minute = part('minute')
  return `${Number(part('hour'))} h${minute === '00' ? '' : ` ${minute}`}`
}

/** « jeudi 14 mai », “Thursday 14 May”; in the zone of the appointment. */
export function dayText(iso: string, zone: string, language: Language): string {
  const locale = language === 'fr' ? 'fr-FR' : 'en-GB'
  return new Intl.DateTimeFormat(locale, { timeZone: zone, weekday: 'long', day: 'numeric', month: 'long' }).format(new Date(iso))
}

/** Whether both fall on one day of the appointment's zone. */
export function sameDay(iso: string, now: number, zone: string): boolean {
  const day = new Intl.DateTimeFormat('en-CA', { timeZone: zone })
  return day.format(new Date(iso)) === day.format(now)
}

/** How months begin, in French and in English, without accents and in small letters: as short as they stay apart. */
const MONTHS = [/^jan/, /^fe[vb]/, /^mar/, /^a[vp]r/, /^ma[iy]/, /^jui?n/, /^jui?l/, /^a(ou|ug)/, /^sep/, /^oct/, /^nov/, /^dec/]

/**
 * A birth date as people write it, `2/3/1941`, `02 03 1941`, « 2 mars 1941 » or “March 2nd, 1941”, as `1941-03-02`; `undefined`
 * when it is none. In figures the day comes first.
 */
export function birthDate(text: string): string | undefined {
  const [, before, middle, year] = /^(\w+)[\s./-]+(\w+)[\s.,/-]+(\d{4})$/.exec(plain(text)) ?? []
  if (before === undefined || middle === undefined) return undefined
  const named = monthOf(middle)
  // Only in letters a month may come before the day.
  const [day, month] = named === undefined && /^[a-z]/.test(before) ? [dayOf(middle), monthOf(before)] : [dayOf(before), named ?? numberOf(middle)]
  return day === undefined || month === undefined ? undefined : realDate(Number(year), month, day)
}

const plain = (text: string): string => text.trim().toLowerCase().normalize('NFD').replace(/\p{M}/gu, '')
const numberOf = (word: string): number | undefined => (/^\d{1,2}$/.test(word) ? Number(word) : undefined)
const dayOf = (word: string): number | undefined => numberOf(word.replace(/(er|st|nd|rd|th)$/, ''))

function monthOf(word: string): number | undefined {
  const at = MONTHS.findIndex((month) => month.test(word))
  return at < 0 ? undefined : at + 1
}

function realDate(year: number, month: number, day: number): string | undefined {
  const at = new Date(Date.UTC(year, month - 1, day))
  const real = at.getUTCFullYear() === year && at.getUTCMonth() === month - 1 && at.getUTCDate() === day
  return real ? at.toISOString().slice(0, 10) : undefined
}

/** An event for a calendar (RFC 5545). It names nobody, and the link's secret is kept out: calendars are shared. */
export function calendar(event: { starts: string; ends: string; title: string; uid: string; now: number }): string {
  const stamp = (at: string | number): string => new Date(at).toISOString().replace(/[-:]|\.\d+/g, '')
  const text = (value: string): string => value.replace(/[\\;,]/g, '\\$&').replace(/[\r\n]+/g, ' ')
  return [
    'BEGIN:VCALENDAR',
    'VERSION:2.0',
    'PRODID:-//Chevet//FR',
    'BEGIN:VEVENT',
    `UID:${event.uid}`,
    `DTSTAMP:${stamp(event.now)}`,
    `DTSTART:${stamp(event.starts)}`,
    `DTEND:${stamp(event.ends)}`,
    `SUMMARY:${text(event.title)}`,
    'END:VEVENT',
    'END:VCALENDAR',
    '',
  ].join('\r\n')
}
