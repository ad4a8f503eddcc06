import { useWords } from '../i18n/context'
import { catalogues, languages } from '../i18n/language'

/** Each language is named in its own words and marked with its own `lang`. */
export function LanguageSwitch() {
  const { language, setLanguage } = useWords()
  return (
    <div className="languages" role="group" aria-label="Langue / Language">
      {languages.map((each) => (
        <button
          key={each}
          type="button"
          lang={each}
          className="language"
          aria-pressed={each === language}
          title={catalogues[each].language}
          onClick={() => setLanguage(each)}
        >
          <span aria-hidden="true">{each.toUpperCase()}</span>
          <span className="unseen">{catalogues[each].language}</span>
        </button>
      ))}
    </div>
  )
}
