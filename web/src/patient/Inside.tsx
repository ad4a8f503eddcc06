import { Button } from '../ui/Button'
import { PhoneIcon, RetryIcon } from '../ui/icons'
import { Consent } from './Consent'
import { End } from './End'
import { Failed } from './Failed'
import { Frame } from './Frame'
import { useHanded } from './handed/useHanded'
import { HelpContext } from './Help'
import { Identity } from './Identity'
import { usePayments } from './payment/usePayments'
import { Phone } from './Phone'
import { Place } from './Place'
import { Room } from './Room'
import { hourText } from './time'
import { useDiary } from './useDiary'
import type { Visit } from './useVisit'
import { usePatientWords } from './words'

/** Everything after « Commencer ». */
export function Inside({ visit }: { visit: Visit }) {
  return (
    <HelpContext value={useDiary(visit)}>
      <Screens visit={visit} />
    </HelpContext>
  )
}

function Screens({ visit }: { visit: Visit }) {
  const { t, language } = usePatientWords()
  const handed = useHanded(visit)
  const payments = usePayments(visit)
  const { screen, facts, link } = visit
  const phone = facts.guest.practice_phone ?? link?.practice_phone
  const call = phone !== undefined && (
    <>
      <p>{t.callPractice}</p>
      <Phone number={phone} />
    </>
  )
  switch (screen) {
    case 'identity':
      return <Identity visit={visit} phone={phone} />
    case 'locked':
      return (
        <Frame screen={screen} title={t.lockedTitle} phone={phone}>
          <p>{t.locked(hourText(facts.guest.identity_locked_until ?? '', facts.guest.zone, language))}</p>
          {call}
        </Frame>
      )
    case 'consent':
      return <Consent visit={visit} phone={phone} />
    case 'place':
      return <Place visit={visit} phone={phone} />
    case 'permissions':
    case 'check':
    case 'waiting':
    case 'call':
      return <Room visit={visit} handed={handed} payments={payments} phone={phone} />
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
          <Failed visit={visit} />
          <Button kind="quiet" icon={<PhoneIcon />} busy={visit.busy} data-test="come-back" onClick={() => visit.enter(true)}>
            {t.inUseYes}
          </Button>
        </Frame>
      )
    case 'left':
    case 'gone':
      return (
        <Frame screen={screen} title={screen === 'left' ? t.leftTitle : t.goneTitle} phone={phone}>
          <p>{screen === 'left' ? t.left : t.gone}</p>
          <Failed visit={visit} />
          <Button icon={<RetryIcon />} busy={visit.busy} data-test="come-back" onClick={() => visit.enter(screen === 'gone')}>
            {t.comeBack}
          </Button>
        </Frame>
      )
    case 'end':
      return <End visit={visit} handed={handed} payments={payments} phone={phone} />
  }
}
