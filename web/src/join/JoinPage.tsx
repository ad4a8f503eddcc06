import { useEffect, useId, useRef, useState, type ReactNode } from 'react'
import { useWords, type PlainText } from '../i18n/call'
import type { JoinLink } from '../link'
import type { Captured } from '../media/capture'
import { usePreview, type Preview } from '../media/usePreview'
import { LocalVideo } from '../ui/Video'
import { Page } from '../ui/Page'
import { ArrowIcon, CameraIcon, RetryIcon } from '../ui/icons'
import { DeviceSelect } from './DeviceSelect'
import { LevelMeter } from './LevelMeter'

interface JoinPageProps {
  link: JoinLink
  /** Why the last attempt failed. */
  failure: PlainText | undefined
  joining: boolean
  onJoin: (captured: Captured, name: string) => void
  /** The way back to where one came from. */
  back?: ReactNode
}

export function JoinPage({ link, failure, joining, onJoin, back }: JoinPageProps) {
  const { t } = useWords()
  const preview = usePreview()
  const [name, setName] = useState(link.name)
  const heading = useRef<HTMLHeadingElement>(null)
  const nameId = useId()

  useEffect(() => {
    // After a failed attempt the reason comes first for those who listen instead of looking.
    if (failure !== undefined) heading.current?.focus()
  }, [failure])

  const enter = (): void => onJoin(preview.take(), name.trim() || link.name)
  const ready = preview.state === 'ready'
  return (
    <Page topic={t.joinTitle}>
      <div className="join">
        <section className="join-words">
          <h1 ref={heading} tabIndex={-1}>
            {t.joinTitle}
          </h1>
          {link.room !== '' && <p className="join-room">{t.joinRoom(link.room)}</p>}
          {failure !== undefined && (
            <p className="notice notice-bad" role="alert">
              {t[failure]}
            </p>
          )}
          {link.mayRename ? (
            <div className="field">
              <label htmlFor={nameId}>{t.joinName}</label>
              <input
                id={nameId}
                value={name}
                maxLength={80}
                autoComplete="name"
                onChange={(event) => setName(event.target.value)}
              />
            </div>
          ) : (
            <p className="join-name">{t.joinNameAs(link.name)}</p>
          )}
          {preview.captured.problem !== undefined && (
            <div className="notice notice-bad" role="alert">
              <p>{t[preview.captured.problem]}</p>
              <button type="button" className="button button-quiet" onClick={preview.start}>
                <RetryIcon />
                {t.joinRetry}
              </button>
            </div>
          )}
          <div className="join-actions">
            {ready || joining ? (
              <button type="button" className="button button-main" data-test="enter" disabled={joining} onClick={enter}>
                <ArrowIcon />
                {joining ? t.joinEntering : t.joinEnter}
              </button>
            ) : (
              <>
                <p>{t.joinAsk}</p>
                <button
                  type="button"
                  className="button button-main"
                  data-test="allow"
                  disabled={preview.state === 'opening'}
                  onClick={preview.start}
                >
                  <CameraIcon />
                  {preview.state === 'opening' ? t.previewStarting : t.joinAllow}
                </button>
                <button type="button" className="button button-quiet" onClick={enter}>
                  <CameraIcon off />
                  {t.joinWithout}
                </button>
              </>
            )}
            {back}
            <p className="unseen" role="status">
              {joining ? t.joinEntering : ''}
            </p>
          </div>
          <p className="join-privacy">{t.joinPrivacy}</p>
        </section>
        <section className="join-preview" aria-label={t.joinAskTitle}>
          <PreviewPicture preview={preview} />
          {preview.captured.microphone && <LevelMeter track={preview.captured.microphone} />}
          {ready && <Choices preview={preview} />}
        </section>
      </div>
    </Page>
  )
}

function PreviewPicture({ preview }: { preview: Preview }) {
  const { t } = useWords()
  const { camera } = preview.captured
  return (
    <div className="preview">
      {camera ? (
        <LocalVideo track={camera} label={t.preview} mirrored />
      ) : (
        <p className="preview-empty">
          <CameraIcon off={preview.state === 'ready'} />
          {preview.state === 'opening' ? t.previewStarting : t.previewOff}
        </p>
      )}
    </div>
  )
}

function Choices({ preview }: { preview: Preview }) {
  const { t } = useWords()
  const { camera, microphone } = preview.captured
  const { devices } = preview
  return (
    <div className="choices">
      {devices.cameras.length > 0 && (
        <DeviceSelect
          label={t.chooseCamera}
          none={t.noCamera}
          devices={devices.cameras}
          value={camera?.getSettings().deviceId ?? null}
          nameless={t.cameraNumber}
          onChange={(device) => preview.choose({ camera: device })}
        />
      )}
      {devices.microphones.length > 0 && (
        <DeviceSelect
          label={t.chooseMicrophone}
          none={t.noMicrophone}
          devices={devices.microphones}
          value={microphone?.getSettings().deviceId ?? null}
          nameless={t.microphoneNumber}
          onChange={(device) => preview.choose({ microphone: device })}
        />
      )}
    </div>
  )
}
