import { Button } from '../ui/Button'
import { PhoneIcon, RetryIcon } from '../ui/icons'
import { Consent } from './Consent'
import { Frame, Phone } from './Frame'
import { Identity } from './Identity'
import { Place } from './Place'
import { Room } from './Room'
import { hourText } from './time'
import type { Visit } from './useVisit'
import { usePatientWords } from './words'

/** Everything after « Commencer ». */
export default function Inside({ visit }: { visit: Visit }) {
  const { t, language } = usePatientWords()
  const { screen, facts } = visit
  const link = typeof facts.link === 'object' ? facts.link : undefined
  const phone = facts.guest?.practice_phone ?? link?.practice_phone
  const call = phone !== undefined && (
    <>
      <p>{t.callPractice}</p>
      <Phone number={phone} />
    </>
  )
  switch (screen) {
    case 'identity':
      return <Identity visit={visit} phone={phone} />
    case 'locked': {
      const until = facts.guest?.identity_locked_until ?? ''
      return (
        <Frame screen={screen} title={t.lockedTitle} phone={phone}>
          <p>{t.locked(hourText(until, link?.zone ?? 'Europe/Paris', language))}</p>
          {call}
        </Frame>
      )
    }
    case 'consent':
      return <Consent visit={visit} phone={phone} />
    case 'place':
      return <Place visit={visit} phone={phone} />
    case 'permissions':
    case 'check':
    case 'waiting':
    case 'call':
      return <Room visit={visit} phone={phone} />
    case 'refused':
      return (
        <Frame screen={screen} title={t.refusedTitle} phone={phone}>
          <p>{t.refused}</p>
          {call}
        </Frame>
      )
    case 'denied':
      return (
        <Frame screen={screen} title={t.deniedEntryTitle} phone={phone}>
          <p>{t.deniedEntry}</p>
          {call}
        </Frame>
      )
    case 'removed':
      return (
        <Frame screen={screen} title={t.removedTitle} phone={phone}>
          <p>{t.removed}</p>
        </Frame>
      )
    case 'taken-over':
      return (
        <Frame screen={screen} title={t.takenOverTitle} phone={phone}>
          <p>{t.takenOver}</p>
          <Button kind="quiet" icon={<PhoneIcon />} onClick={() => visit.enter(true)}>
            {t.inUseYes}
          </Button>
        </Frame>
      )
    case 'left':
    case 'gone':
      return (
        <Frame screen={screen} title={screen === 'left' ? t.leftTitle : t.goneTitle} phone={phone}>
          <p>{screen === 'left' ? t.left : t.gone}</p>
          <Button icon={<RetryIcon />} busy={visit.busy} data-test="come-back" onClick={() => visit.enter(screen === 'gone')}>
            {t.comeBack}
          </Button>
        </Frame>
      )
    default:
      return (
        <Frame screen="end" title={t.endTitle} phone={phone}>
          <p>{t.end}</p>
        </Frame>
      )
  }
}
