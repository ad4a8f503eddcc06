import { useState } from 'react'
import { useToast } from '../ui/Toasts'
import { Button } from '../ui/Button'
import { Notice } from '../ui/Notice'
import { ArrowIcon, CalendarIcon, CopyIcon, RetryIcon } from '../ui/icons'
import type { LinkView } from './api'
import { Frame, Phone } from './Frame'
import { chromeIntent, systemOf } from './gate'
import { calendar, dayText, hourText, leftText, sameDay, timeLeft } from './time'
import type { Visit } from './useVisit'
import { usePatientWords } from './words'

/** Everything that is shown before somebody comes in. */
export function Landing({ visit, onBegin }: { visit: Visit; onBegin: () => void }) {
  const { t } = usePatientWords()
  const [stayed, setStayed] = useState(false)
  const { screen } = visit
  const link = typeof visit.facts.link === 'object' ? visit.facts.link : undefined
  const phone = link?.practice_phone
  switch (screen) {
    case 'too-early':
      return link && <Early link={link} now={visit.facts.now} />
    case 'landing':
      return link && <Open link={link} visit={visit} onBegin={onBegin} />
    case 'gate':
      return <WrongBrowser visit={visit} />
    case 'in-use':
      return stayed ? (
        <Frame screen="stayed" title={t.stayedTitle}>
          <p>{t.stayed}</p>
        </Frame>
      ) : (
        <Frame screen={screen} title={t.inUseTitle} phone={phone}>
          <p>{t.inUse}</p>
          <Button data-test="take-over" busy={visit.busy} onClick={() => visit.enter(true)}>
            {t.inUseYes}
          </Button>
          <Button kind="quiet" onClick={() => setStayed(true)}>
            {t.inUseNo}
          </Button>
        </Frame>
      )
    case 'over':
    case 'end':
      return (
        <Frame screen={screen} title={t.overTitle} phone={phone}>
          <AnotherOne phone={phone} />
        </Frame>
      )
    case 'cancelled':
      return (
        <Frame screen={screen} title={t.cancelledTitle} phone={phone}>
          {link && <When link={link} now={visit.facts.now} />}
          <AnotherOne phone={phone} />
        </Frame>
      )
    case 'revoked':
      return (
        <Frame screen={screen} title={t.revokedTitle} phone={phone}>
          <p>{t.revokedText}</p>
          {phone !== undefined && <Phone number={phone} />}
        </Frame>
      )
    case 'unknown':
      return (
        <Frame screen={screen} title={t.unknownTitle}>
          <p>{t.unknownText}</p>
        </Frame>
      )
    default:
      return (
        <Frame screen={screen} title={t.unreachableTitle}>
          <p>{t.unreachableText}</p>
          <Button icon={<RetryIcon />} onClick={visit.look}>
            {t.again}
          </Button>
        </Frame>
      )
  }
}

function AnotherOne({ phone }: { phone: string | undefined }) {
  const { t } = usePatientWords()
  if (phone === undefined) return <p>{t.overAsk}</p>
  return (
    <>
      <p>{t.overCall}</p>
      <Phone number={phone} />
    </>
  )
}

function When({ link, now }: { link: LinkView; now: number }) {
  const { t, language } = usePatientWords()
  const hour = hourText(link.starts_at, link.zone, language)
  return (
    <p className="patient-when">
      <strong>
        {sameDay(link.starts_at, now, link.zone) ? t.todayAt(hour) : t.at(dayText(link.starts_at, link.zone, language), hour)}
      </strong>
      {link.professional || link.organisation}
    </p>
  )
}

function Open({ link, visit, onBegin }: { link: LinkView; visit: Visit; onBegin: () => void }) {
  const { t } = usePatientWords()
  return (
    <Frame screen="landing" title={`${t.hello} ${t.waitsFor(link.professional || t.someone)}`} phone={link.practice_phone}>
      <When link={link} now={visit.facts.now} />
      {link.moved && <Notice>{t.moved}</Notice>}
      {visit.failure !== undefined && <Notice kind="bad">{visit.failure.code === 'unreachable' ? t.unreachableText : t.problem(visit.failure.detail)}</Notice>}
      <Button
        icon={<ArrowIcon />}
        busy={visit.busy}
        data-test="begin"
        onClick={() => {
          onBegin()
          visit.enter(false)
        }}
      >
        {t.begin}
      </Button>
      <p>{t.nothing}</p>
    </Frame>
  )
}

function Early({ link, now }: { link: LinkView; now: number }) {
  const { t, language } = usePatientWords()
  const hour = hourText(link.opens_at, link.zone, language)
  const today = sameDay(link.opens_at, now, link.zone)
  const left = timeLeft(now, Date.parse(link.opens_at))
  return (
    <Frame screen="too-early" title={t.earlyTitle} phone={link.practice_phone}>
      <When link={link} now={now} />
      {link.moved && <Notice>{t.moved}</Notice>}
      <p>{today ? t.earlyBack(hour) : t.earlyBackOn(dayText(link.opens_at, link.zone, language), hour)}</p>
      <p>
        {t.earlyLeft}
        <br />
        <span className="patient-countdown" role="timer">
          {leftText(left, language)}
        </span>
      </p>
      <a className="button button-quiet" href="/test" target="_blank" rel="noreferrer">
        {t.test}
      </a>
      <Button kind="quiet" icon={<CalendarIcon />} onClick={() => saveCalendar(link, t.calendarTitle, now)}>
        {t.addToCalendar}
      </Button>
    </Frame>
  )
}

function saveCalendar(link: LinkView, title: string, now: number): void {
  const text = calendar({ starts: link.starts_at, ends: link.ends_at, title, uid: crypto.randomUUID(), now })
  const address = URL.createObjectURL(new Blob([text], { type: 'text/calendar' }))
  const anchor = document.createElement('a')
  anchor.href = address
  anchor.download = 'rendez-vous.ics'
  anchor.click()
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}

function WrongBrowser({ visit }: { visit: Visit }) {
  const { t } = usePatientWords()
  const tell = useToast()
  const system = systemOf(navigator.userAgent)
  const { gate, link } = visit.facts
  const phone = typeof link === 'object' ? link.practice_phone : undefined
  if (gate !== 'webview') {
    return (
      <Frame screen="gate" title={gate === 'old' ? t.gateOldTitle : t.gateInsecureTitle} phone={phone}>
        <p>{gate === 'old' ? t.gateOld : t.gateInsecure}</p>
        {phone !== undefined && (
          <>
            <p>{t.callPractice}</p>
            <Phone number={phone} />
          </>
        )}
      </Frame>
    )
  }
  const copy = (): void => {
    // Windows of other applications may lack the clipboard, whatever the type says.
    const clipboard = navigator.clipboard as Clipboard | undefined
    const written = clipboard?.writeText(location.href) ?? Promise.reject(new Error('no clipboard'))
    written.then(
      () => tell(t.copied),
      () => tell(t.copyFailed),
    )
  }
  return (
    <Frame screen="gate" title={t.gateWebviewTitle} phone={phone}>
      <p>{t.gateWebview(system === 'ios' ? 'Safari' : 'Chrome')}</p>
      {system === 'android' && (
        <a className="button button-main" href={chromeIntent(location.href)}>
          {t.openChrome}
        </a>
      )}
      <ol className="patient-steps">
        {t.gateSteps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      <Button kind={system === 'android' ? 'quiet' : 'main'} icon={<CopyIcon />} onClick={copy}>
        {t.copy}
      </Button>
    </Frame>
  )
}
