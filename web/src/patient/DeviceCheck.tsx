import { useEffect, useEffectEvent, useState, type ReactNode } from 'react'
import { useWords as useCallWords } from '../i18n/call'
import { DeviceSelect } from '../join/DeviceSelect'
import { LevelMeter } from '../join/LevelMeter'
import type { Captured } from '../media/capture'
import type { Preview } from '../media/usePreview'
import { Button } from '../ui/Button'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import { LocalVideo } from '../ui/Video'
import { ArrowIcon, CameraIcon, CheckIcon, CloseIcon, LockIcon, RetryIcon, SoundIcon } from '../ui/icons'
import { troubleOf } from './devices'
import { wentWrong } from './diary'
import { Failed } from './Failed'
import { Frame } from './Frame'
import { browserOf, platformOf } from './gate'
import { NetworkResult } from './network/NetworkResult'
import { deviceReport, deviceStates, type DeviceState } from './network/report'
import { useNetwork } from './network/useNetwork'
import { music } from './sounds'
import type { Visit } from './useVisit'
import { usePatientWords } from './words'

/** Silence after which it is said, in milliseconds. */
const SILENT_MS = 5000

export function DeviceCheck({ visit, preview, phone }: { visit: Visit; preview: Preview; phone: string | undefined }) {
  const { t } = usePatientWords()
  const { next } = visit.facts.guest
  const network = useNetwork()
  const { measured } = network
  const { captured, state } = preview
  const { api } = visit
  useEffect(() => {
    if (measured === undefined || state !== 'ready') return
    // For the professional's page: it changes nothing here, and a failure of it is nobody's business.
    api.post('device-check', deviceReport(captured, measured, navigator.userAgent)).catch(() => undefined)
  }, [api, captured, measured, state])
  const done = (): void => {
    if (next !== 'wait') {
      visit.mark({ checked: true })
      return
    }
    void visit.act(visit.api.wait).then((waits) => {
      if (waits) visit.mark({ checked: true })
    })
  }
  return (
    <Frame screen="check" title={captured.camera ? t.checkTitle : t.permissionTitle} phone={phone}>
      <Devices preview={preview}>
        <NetworkResult network={network} phone={phone} />
        {next === 'join' && <Notice kind="good">{t.doctorWaits}</Notice>}
        <Failed visit={visit} />
        <Button icon={<ArrowIcon />} busy={visit.busy} data-test="checked" onClick={done}>
          {goOnWords(preview, next === 'join', t)}
        </Button>
      </Devices>
    </Frame>
  )
}

function goOnWords(preview: Preview, invited: boolean, t: ReturnType<typeof usePatientWords>['t']): string {
  const { camera, microphone } = preview.captured
  if (!camera && !microphone) return t.withoutBoth
  if (!camera) return t.withoutCamera
  return invited ? t.goIn : t.goWait
}

/** Picture, voice, loudspeaker; `children` once the browser has answered. */
export function Devices({ preview, children }: { preview: Preview; children?: ReactNode }) {
  const { t } = usePatientWords()
  const { captured, state } = preview
  if (state === 'opening') return <Spinner>{t.opening}</Spinner>
  return (
    <>
      {captured.camera && (
        <div className="patient-self">
          <LocalVideo track={captured.camera} label={t.mirror} mirrored />
        </div>
      )}
      <Trouble preview={preview} />
      {captured.microphone && <Voice track={captured.microphone} key={captured.microphone.id} />}
      <Loudspeaker />
      <Choices preview={preview} />
      {children}
    </>
  )
}

function Trouble({ preview }: { preview: Preview }) {
  const { t } = usePatientWords()
  const { captured, start } = preview
  const trouble = troubleOf(captured.problem)
  useEffect(() => {
    for (const [device, found] of Object.entries(deviceStates(captured)) as [keyof ReturnType<typeof deviceStates>, DeviceState][]) {
      if (found === 'denied' || found === 'busy') wentWrong(`${device}_${found}`)
      if (found === 'absent') wentWrong(`${device}_missing`)
    }
  }, [captured])
  useRetryWhenAllowed(trouble === 'denied', start)
  if (trouble === undefined) return captured.camera || !captured.microphone ? null : <p>{t.noPicture}</p>
  const again = (
    <Button kind="quiet" icon={<RetryIcon />} data-test="retry" onClick={start}>
      {t.again}
    </Button>
  )
  if (trouble === 'denied') return <Denied captured={captured} again={again} />
  const words = {
    busy: t.busy,
    'no-camera': t.noCamera,
    'no-microphone': t.noMicrophone,
    'no-device': t.noDevice,
    failed: t.mediaFailed,
  }[trouble]
  return (
    <>
      <Notice kind="warn">{words}</Notice>
      {again}
    </>
  )
}

/** Who blocks it, and the way out, step by step, in the browser at hand. */
function Denied({ captured, again }: { captured: Captured; again: ReactNode }) {
  const { t } = usePatientWords()
  const browser = browserOf(navigator.userAgent)
  const platform = platformOf(navigator.userAgent)
  const thing = { mediaCameraDenied: t.thingCamera, mediaMicrophoneDenied: t.thingMicrophone }[captured.problem as string] ?? t.thingBoth
  // Safari asks no second time on a page that was refused.
  const reloads = browser === 'safari-ios' || browser === 'other-ios' || browser === 'safari-mac'
  return (
    <>
      <Notice kind="bad">
        <strong>{t.deniedTitle(thing)}</strong>
        {captured.bySystem === true ? (
          <>
            <p>{t.deniedSystem}</p>
            <p>{t.systemSteps[platform]}</p>
          </>
        ) : (
          <>
            <p className="picture-bar" aria-hidden="true">
              {browser === 'safari-ios' ? <b>aA</b> : browser === 'firefox' ? <CameraIcon off /> : <LockIcon />}
              <span>{location.host}</span>
            </p>
            <ol className="patient-steps">
              {t.deniedSteps[browser].map((step) => (
                <li key={step}>{step}</li>
              ))}
            </ol>
            <p>
              {t.deniedStill} {t.systemSteps[platform]}
            </p>
          </>
        )}
      </Notice>
      {reloads ? (
        <Button kind="quiet" icon={<RetryIcon />} onClick={() => location.reload()}>
          {t.reload}
        </Button>
      ) : (
        again
      )}
    </>
  )
}

/** Whoever has just allowed it in the browser's own window need not press anything here. */
function useRetryWhenAllowed(denied: boolean, retry: () => void): void {
  const again = useEffectEvent(retry)
  useEffect(() => {
    if (!denied) return undefined
    const watched: PermissionStatus[] = []
    let left = false
    const look = (event: Event): void => {
      if ((event.target as PermissionStatus).state === 'granted') again()
    }
    for (const name of ['camera', 'microphone'] as const) {
      // Not every browser can tell.
      navigator.permissions.query({ name }).then(
        (status) => {
          if (left) return
          watched.push(status)
          status.addEventListener('change', look)
        },
        () => undefined,
      )
    }
    return () => {
      left = true
      for (const status of watched) status.removeEventListener('change', look)
    }
  }, [denied])
}

/** The bar, and after a while of silence the question. */
function Voice({ track }: { track: MediaStreamTrack }) {
  const { t } = usePatientWords()
  const [heard, setHeard] = useState(false)
  const [late, setLate] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), SILENT_MS)
    return () => clearTimeout(timer)
  }, [])
  return (
    <>
      <LevelMeter track={track} onHeard={() => setHeard(true)} />
      {late && !heard && <Notice kind="warn">{t.silent}</Notice>}
    </>
  )
}

function Loudspeaker() {
  const { t } = usePatientWords()
  const [state, setState] = useState<'silent' | 'playing' | 'asked' | 'heard' | 'unheard'>('silent')
  const listen = (): void => {
    setState('playing')
    void music().then(() => setState((now) => (now === 'playing' ? 'asked' : now)))
  }
  if (state === 'heard') return <Notice kind="good">{t.heardMusic}</Notice>
  return (
    <div className="stack">
      {state === 'unheard' && <Notice kind="warn">{byTouch() ? t.louderPhone : t.louderComputer}</Notice>}
      {state === 'playing' || state === 'asked' ? (
        <>
          <p role="status">{t.hearMusic}</p>
          <div className="row">
            <Button icon={<CheckIcon />} kind="quiet" data-test="heard" onClick={() => setState('heard')}>
              {t.yes}
            </Button>
            <Button icon={<CloseIcon />} kind="quiet" data-test="unheard" onClick={() => setState('unheard')}>
              {t.no}
            </Button>
          </div>
        </>
      ) : (
        <Button kind="quiet" icon={<SoundIcon />} data-test="music" onClick={listen}>
          {t.playMusic}
        </Button>
      )}
    </div>
  )
}

const byTouch = (): boolean => matchMedia('(pointer: coarse)').matches

/** Computers often have several cameras and microphones, and loudspeakers that the microphone hears. */
function Choices({ preview }: { preview: Preview }) {
  const { t } = usePatientWords()
  const { t: words } = useCallWords()
  const { captured, devices, choose, state } = preview
  if (byTouch() || state !== 'ready') return null
  const current = (track: MediaStreamTrack | undefined): string | null => track?.getSettings().deviceId ?? null
  return (
    <>
      {devices.cameras.length > 1 && (
        <DeviceSelect
          label={words.chooseCamera}
          none={words.noCamera}
          devices={devices.cameras}
          value={current(captured.camera)}
          nameless={t.deviceNumber}
          onChange={(camera) => choose({ camera })}
        />
      )}
      {devices.microphones.length > 1 && (
        <DeviceSelect
          label={words.chooseMicrophone}
          none={words.noMicrophone}
          devices={devices.microphones}
          value={current(captured.microphone)}
          nameless={t.deviceNumber}
          onChange={(microphone) => choose({ microphone })}
        />
      )}
      <p>{t.headset}</p>
    </>
  )
}
