import type { RetentionRow } from './api'

/** Days as people type them; parts of a day as a decimal. */
export const daysOf = (hours: number): string => String(Math.round((hours / 24) * 100) / 100)

/** Hours of what was typed as days, with a comma or a point. What is no number goes to the server as it cannot be good. */
export const hoursOf = (days: string): number => {
  const typed = days.trim().replace(',', '.')
  const read = typed === '' ? NaN : Number(typed)
  return Number.isFinite(read) ? Math.round(read * 24) : -1
}

/** The rows that were changed, in hours. */
export function changed(rows: readonly RetentionRow[], days: Readonly<Record<string, string>>): Record<string, number> {
  const wanted = rows.filter((row) => row.settable && days[row.kept] !== undefined && days[row.kept] !== daysOf(row.hours))
  return Object.fromEntries(wanted.map((row) => [row.kept, hoursOf(days[row.kept] ?? '')]))
}
