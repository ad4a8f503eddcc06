import { useLanguage } from '../i18n/context'
import { languageNames, languages } from '../i18n/language'

/** Each language is named in its own words and marked with its own `lang`. */
export function LanguageSwitch() {
  const { language, setLanguage } = useLanguage()
  return (
    <div className="languages" role="group" aria-label="Langue / Language">
      {languages.map((each) => (
        <button
          key={each}
          type="button"
          lang={each}
          className="language"
          aria-pressed={each === language}
          title={languageNames[each]}
          onClick={() => setLanguage(each)}
        >
          <span aria-hidden="true">{each.toUpperCase()}</span>
          <span className="unseen">{languageNames[each]}</span>
        </button>
      ))}
    </div>
  )
}
