import { useEffect, useState, type ReactNode } from 'react'
import { LevelMeter } from '../join/LevelMeter'
import type { Preview } from '../media/usePreview'
import { Button } from '../ui/Button'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import { LocalVideo } from '../ui/Video'
import { ArrowIcon, RetryIcon, SoundIcon } from '../ui/icons'
import { troubleOf } from './devices'
import { Failed } from './Failed'
import { Frame } from './Frame'
import { systemOf } from './gate'
import { music } from './sounds'
import type { Visit } from './useVisit'
import { usePatientWords } from './words'

/** Silence after which it is said, in milliseconds. */
const SILENT_MS = 5000

export function DeviceCheck({ visit, preview, phone }: { visit: Visit; preview: Preview; phone: string | undefined }) {
  const { t } = usePatientWords()
  const next = visit.facts.guest?.next
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
    <Frame screen="check" title={preview.captured.camera ? t.checkTitle : t.permissionTitle} phone={phone}>
      <Devices preview={preview}>
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
      {children}
    </>
  )
}

function Trouble({ preview }: { preview: Preview }) {
  const { t } = usePatientWords()
  const { captured } = preview
  const trouble = troubleOf(captured.problem)
  if (trouble === undefined) return captured.camera || !captured.microphone ? null : <p>{t.noPicture}</p>
  const again = (
    <Button kind="quiet" icon={<RetryIcon />} data-test="retry" onClick={preview.start}>
      {t.again}
    </Button>
  )
  if (trouble === 'denied') {
    const system = systemOf(navigator.userAgent)
    const thing =
      captured.problem === 'mediaDenied'
        ? t.thingBoth
        : captured.problem === 'mediaCameraDenied'
          ? t.thingCamera
          : t.thingMicrophone
    return (
      <>
        <Notice kind="bad">
          <strong>{t.deniedTitle(thing)}</strong>
          <ol className="patient-steps">
            {(system === 'ios' ? t.deniedIos : t.deniedOther).map((step) => (
              <li key={step}>{step}</li>
            ))}
          </ol>
          {system === 'ios' && <p>{t.deniedIosSystem}</p>}
          {system === 'android' && <p>{t.deniedAndroidSystem}</p>}
        </Notice>
        {/* Safari asks no second time on a page that was refused. */}
        {system === 'ios' ? (
          <Button kind="quiet" icon={<RetryIcon />} onClick={() => location.reload()}>
            {t.reload}
          </Button>
        ) : (
          again
        )}
      </>
    )
  }
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
      {state === 'unheard' && <Notice kind="warn">{t.louder}</Notice>}
      {state === 'playing' || state === 'asked' ? (
        <>
          <p role="status">{t.hearMusic}</p>
          <div className="row">
            <Button kind="quiet" onClick={() => setState('heard')}>
              {t.yes}
            </Button>
            <Button kind="quiet" onClick={() => setState('unheard')}>
              {t.no}
            </Button>
          </div>
        </>
      ) : (
        <Button kind="quiet" icon={<SoundIcon />} onClick={listen}>
          {t.playMusic}
        </Button>
      )}
    </div>
  )
}
