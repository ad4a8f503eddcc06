import { useState, type SyntheticEvent } from 'react'
import { useHomeWords } from '../i18n/home'
import { Button } from '../ui/Button'
import { LogInIcon, PenIcon } from '../ui/deskIcons'
import { Page } from '../ui/Page'
import { TextField } from '../ui/Field'
import { ArrowIcon, CameraIcon, PersonIcon, PhoneIcon } from '../ui/icons'
import { Foot } from './Foot'
import { linkIn } from './linkIn'
import './home.css'

/** `/`: two doors. */
export default function HomePage() {
  const { t } = useHomeWords()
  return (
    <Page title={t.title} foot={<Foot />} wide>
      <p className="home-lead">{t.lead}</p>
      <div className="doors">
        <section className="card door" aria-labelledby="door-invited">
          <h2 id="door-invited"><PhoneIcon /> {t.invited}</h2>
          <p>{t.invitedText}</p>
          <Paste />
          <p><a className="home-link" href="/test"><CameraIcon /> {t.test}</a></p>
        </section>
        <section className="card door" aria-labelledby="door-professional">
          <h2 id="door-professional"><PersonIcon /> {t.professional}</h2>
          <p>{t.professionalText}</p>
          <a className="button button-main" href="/connexion"><LogInIcon /> <span>{t.login}</span></a>
          <a className="button button-quiet" href="/inscription"><PenIcon /> <span>{t.register}</span></a>
        </section>
      </div>
    </Page>
  )
}

/** For who has the message before the eyes and no way to touch its link. */
function Paste() {
  const { t } = useHomeWords()
  const [typed, setTyped] = useState('')
  const [wrong, setWrong] = useState(false)
  const open = (event: SyntheticEvent): void => {
    event.preventDefault()
    const path = linkIn(typed, location.origin)
    setWrong(path === undefined)
    if (path !== undefined) location.assign(path)
  }
  return (
    <form className="stack" onSubmit={open} noValidate>
      <TextField label={t.paste} hint={t.pasteHint} error={wrong ? t.pasteWrong : undefined} inputMode="url" autoComplete="off" autoCapitalize="none" spellCheck={false} required value={typed} onChange={(event) => {
        setTyped(event.target.value)
        setWrong(false)
      }} />
      <Button icon={<ArrowIcon />} type="submit">{t.open}</Button>
    </form>
  )
}
