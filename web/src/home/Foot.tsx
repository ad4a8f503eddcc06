import { useHomeWords } from '../i18n/home'
import { useLegalWords } from '../i18n/legal'

/** Beside the help link of pages that anybody may read. */
export function Foot() {
  const { t } = useHomeWords()
  const { t: legal } = useLegalWords()
  return (
    <nav className="home-foot" aria-label={t.about}>
      <a href="/accessibilite">{t.accessibility}</a>
      <a href="/confidentialite">{t.privacy}</a>
      <a href="/mentions-legales">{legal.noticeLink}</a>
    </nav>
  )
}
