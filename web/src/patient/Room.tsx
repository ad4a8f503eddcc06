import { lazy, Suspense, useEffect, useRef } from 'react'
import { Button } from '../ui/Button'
import { PageSpinner } from '../ui/Progress'
import { CameraIcon } from '../ui/icons'
import { usePreview } from '../media/usePreview'
import { DeviceCheck } from './DeviceCheck'
import { Frame } from './Frame'
import type { Handed } from './handed/useHanded'
import type { Payments } from './payment/usePayments'
import { chime } from './sounds'
import type { Visit } from './useVisit'
import { Waiting } from './Waiting'
import { usePatientWords } from './words'

// The WebRTC client comes while people read and wait.
const callPart = () => import('./call/CallScreen')
const CallScreen = lazy(callPart)

interface RoomProps {
  visit: Visit
  handed: Handed
  payments: Payments
  phone: string | undefined
}

/** From the devices to the call: one preview lives through all of it and hands its tracks over. */
export function Room({ visit, handed, payments, phone }: RoomProps) {
  const { t } = usePatientWords()
  const preview = usePreview()
  const { mark, screen } = visit
  const { next } = visit.facts.guest

  useEffect(() => {
    void callPart().catch(() => undefined)
  }, [])
  useEffect(() => {
    // The browser already allows it: nothing will be asked, nothing needs to be explained.
    if (preview.state === 'opening' || preview.state === 'ready') mark({ explained: true })
  }, [mark, preview.state])
  const before = useRef(next)
  useEffect(() => {
    if (before.current === 'waiting' && next === 'join') chime()
    before.current = next
  }, [next])
  const { start } = preview
  const called = useRef(false)
  useEffect(() => {
    // Sent back to the waiting room: the call gave the devices back, they are opened anew.
    if (screen !== 'call' && called.current) start()
    called.current = screen === 'call'
  }, [screen, start])

  switch (screen) {
    case 'permissions':
      // A screen that goes away by itself must not be seen.
      if (preview.state === 'unknown') return null
      return (
        <Frame screen={screen} title={t.permissionTitle} phone={phone}>
          <p className="patient-lamp">
            <CameraIcon />
          </p>
          <p>{t.permission}</p>
          <p>
            <strong>{t.permissionTouch}</strong>
          </p>
          <Button
            icon={<CameraIcon />}
            data-test="allow"
            onClick={() => {
              preview.start()
              mark({ explained: true })
            }}
          >
            {t.permissionGo}
          </Button>
        </Frame>
      )
    case 'check':
      return <DeviceCheck visit={visit} preview={preview} phone={phone} />
    case 'waiting':
      return <Waiting visit={visit} preview={preview} phone={phone} />
    default:
      return (
        <Suspense fallback={<PageSpinner>{t.entering}</PageSpinner>}>
          <CallScreen visit={visit} handed={handed} payments={payments} take={preview.take} phone={phone} />
        </Suspense>
      )
  }
}
