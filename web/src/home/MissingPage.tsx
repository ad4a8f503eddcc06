import { useHomeWords } from '../i18n/home'
import { Page } from '../ui/Page'
import { ArrowIcon } from '../ui/icons'
import { Foot } from './Foot'
import './home.css'

/** What the server answers to an address that leads nowhere. */
export default function MissingPage() {
  const { t } = useHomeWords()
  return (
    <Page title={t.missingPageTitle} foot={<Foot />} wide>
      <div data-test="missing" className="stack">
        <p>{t.missingPageText}</p>
        <p>{t.missingPageLink}</p>
        <p><a className="button button-main" href="/"><ArrowIcon /> <span>{t.toHome}</span></a></p>
      </div>
    </Page>
  )
}
