export type Language = 'fr' | 'en'
export const languages: readonly Language[] = ['fr', 'en']
/** Each language in its own words. */
export const languageNames: Record<Language, string> = { fr: 'Français', en: 'English' }

/** The first supported language of the browser's list; French when there is none. */
export function preferredLanguage(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const base = tag.toLowerCase().split('-')[0]
    if (base === 'fr' || base === 'en') return base
  }
  return 'fr'
}
