import type { RetentionRow } from './api'

/** Days as people type them; parts of a day as a decimal. */
export const daysOf = (hours: number): string => String(Math.round((hours / 24) * 100) / 100)

/** What no bounds allow: so the server refuses what was typed and names its field, instead of the whole request. */
const NONSENSE = 2 ** 32 - 1

/** What was typed, with a comma or a point, times `unit`. */
export function wholeOf(typed: string, unit = 1): number {
  const text = typed.trim().replace(',', '.')
  const value = text === '' ? NaN : Math.round(Number(text) * unit)
  return value >= 0 && value < NONSENSE ? value : NONSENSE
}

/** Hours of what was typed as days. */
export const hoursOf = (days: string): number => wholeOf(days, 24)

/** The rows that were changed, in hours. */
export function changed(rows: readonly RetentionRow[], days: Readonly<Record<string, string>>): Record<string, number> {
  const wanted = rows.filter((row) => row.settable && days[row.kept] !== undefined && days[row.kept] !== daysOf(row.hours))
  return Object.fromEntries(wanted.map((row) => [row.kept, hoursOf(days[row.kept] ?? '')]))
}
