import { useHomeWords } from '../i18n/home'

/** Beside the help link of pages that anybody may read. */
export function Foot() {
  const { t } = useHomeWords()
  return (
    <nav className="home-foot" aria-label={t.about}>
      <a href="/accessibilite">{t.accessibility}</a>
      <a href="/confidentialite">{t.privacy}</a>
    </nav>
  )
}
