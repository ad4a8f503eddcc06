import type { ReactNode } from 'react'
import { useWords } from '../i18n/call'
import { CameraIcon, CaptionsIcon, FileIcon, LeaveIcon, MicrophoneIcon, ScreenIcon } from '../ui/icons'
import type { CallSession, CallView } from './session'

interface ControlsProps {
  session: CallSession
  view: CallView
  filesOpen: boolean
  /** Files that arrived since the panel was last open. */
  news: number
  /** Absent: no files in this call. */
  onFiles: (() => void) | undefined
  captionsShown: boolean
  /** Absent: nobody sends captions into this call. */
  onCaptions: (() => void) | undefined
}

export function Controls({ session, view, filesOpen, news, onFiles, captionsShown, onCaptions }: ControlsProps) {
  const { t } = useWords()
  const { microphoneOn, cameraOn, screenOn } = view
  // Phones have no screen to share with a page.
  const devices = navigator.mediaDevices as MediaDevices | undefined
  const canShare = devices !== undefined && 'getDisplayMedia' in devices
  return (
    <footer className="controls" aria-label={t.callControls}>
      {view.mayPublish && (
        <>
          <Control
            name="microphone"
            word={t.microphone}
            label={microphoneOn ? t.turnMicrophoneOff : t.turnMicrophoneOn}
            off={!microphoneOn}
            onClick={() => void session.setMicrophone(!microphoneOn)}
          >
            <MicrophoneIcon off={!microphoneOn} />
          </Control>
          <Control
            name="camera"
            word={t.camera}
            label={cameraOn ? t.turnCameraOff : t.turnCameraOn}
            off={!cameraOn}
            onClick={() => void session.setCamera(!cameraOn)}
          >
            <CameraIcon off={!cameraOn} />
          </Control>
          {canShare && (
            <Control
              name="screen"
              word={t.shareScreen}
              label={screenOn ? t.shareScreenStop : t.shareScreenStart}
              active={screenOn}
              onClick={() => void session.setScreen(!screenOn)}
            >
              <ScreenIcon />
            </Control>
          )}
        </>
      )}
      {onFiles !== undefined && (
        <Control
          name="files"
          word={t.files}
          label={news > 0 ? t.filesWithNews(news) : t.files}
          active={filesOpen}
          expanded={filesOpen}
          onClick={onFiles}
        >
          <FileIcon />
          {news > 0 && (
            <span className="badge" aria-hidden="true">
              {news}
            </span>
          )}
        </Control>
      )}
      {onCaptions !== undefined && (
        <Control
          name="captions"
          word={t.captions}
          label={captionsShown ? t.captionsHide : t.captionsShow}
          active={captionsShown}
          onClick={onCaptions}
        >
          <CaptionsIcon />
        </Control>
      )}
      <Control name="leave" word={t.leave} label={t.leave} leave onClick={() => void session.leave()}>
        <LeaveIcon />
      </Control>
    </footer>
  )
}

interface ControlProps {
  name: string
  /** Shown under the icon; the label holds it too, for those who speak to their computer. */
  word: string
  label: string
  off?: boolean
  active?: boolean
  leave?: boolean
  expanded?: boolean
  onClick: () => void
  children: ReactNode
}

function Control({ name, word, label, off = false, active = false, leave = false, expanded, onClick, children }: ControlProps) {
  const kind = leave ? ' control-leave' : off ? ' control-off' : active ? ' control-active' : ''
  return (
    <button
      type="button"
      className={`control${kind}`}
      data-test={name}
      aria-label={label}
      title={label}
      {...(expanded === undefined ? {} : { 'aria-expanded': expanded, 'aria-controls': 'files' })}
      onClick={onClick}
    >
      <span className="control-icon">{children}</span>
      <span className="control-word">{word}</span>
    </button>
  )
}
