import { useEffect, useState } from 'react'
import { useStayAwake } from '../call/hooks'
import type { Preview } from '../media/usePreview'
import { Button } from '../ui/Button'
import { Notice } from '../ui/Notice'
import { LocalVideo } from '../ui/Video'
import { LeaveIcon } from '../ui/icons'
import { Frame } from './Frame'
import { LeaveDialog } from './LeaveDialog'
import { Phone } from './Phone'
import { apologyAt } from './screens'
import { useBackButton } from './useBackButton'
import type { Visit } from './useVisit'
import { usePatientWords } from './words'

export function Waiting({ visit, preview, phone }: { visit: Visit; preview: Preview; phone: string | undefined }) {
  const { t } = usePatientWords()
  const [leaving, setLeaving] = useState(false)
  const { camera } = preview.captured
  const late = useLate(visit)
  useStayAwake()
  useBackButton(() => setLeaving(true))
  return (
    <Frame screen="waiting" title={t.waitingTitle} phone={phone}>
      {late ? (
        <Notice>
          <p>{t.apology}</p>
          {phone !== undefined && (
            <>
              <p>{t.apologyCall}</p>
              <Phone number={phone} />
            </>
          )}
        </Notice>
      ) : (
        <p>{t.waiting}</p>
      )}
      <p>{t.waitingNext}</p>
      {visit.offline && <Notice kind="warn">{t.waitingLost}</Notice>}
      {camera && (
        <div className="patient-self">
          <LocalVideo track={camera} label={t.mirror} mirrored />
        </div>
      )}
      <Button kind="quiet" icon={<LeaveIcon />} data-test="leave-waiting" onClick={() => setLeaving(true)}>
        {t.leave}
      </Button>
      {leaving && <LeaveDialog onStay={() => setLeaving(false)} onLeave={visit.leave} />}
    </Frame>
  )
}

/** The professional is late. */
function useLate(visit: Visit): boolean {
  const [late, setLate] = useState(false)
  const { now, guest } = visit.facts
  const [since] = useState(now)
  const left = apologyAt(guest.starts_at, since) - now
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), Math.max(0, left))
    return () => clearTimeout(timer)
  }, [left])
  return late
}
