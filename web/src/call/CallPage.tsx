import { useCallback, useEffect, useRef, useState, useSyncExternalStore, type CSSProperties } from 'react'
import { useWords } from '../i18n/call'
import { HelpLink } from '../ui/HelpLink'
import { LanguageSwitch } from '../ui/LanguageSwitch'
import { CloseIcon, Logo, SoundIcon } from '../ui/icons'
import { useTopic } from '../ui/title'
import { CaptionArea } from './CaptionArea'
import { Controls } from './Controls'
import { FilesPanel } from './FilesPanel'
import { cellsOf, gridColumns, inOrder } from './grid'
import type { CallSession, CallView, Notice } from './session'
import { Sound, Tile } from './Tile'
import { useFileDrop, useStayAwake } from './hooks'

/** How long a notice stays on the screen, in milliseconds. */
const NOTICE_MS = 7000

/** `files`: whether people hand each other files through the call itself; consultations keep theirs elsewhere. */
export function CallPage({ session, room, files = true }: { session: CallSession; room: string; files?: boolean }) {
  const { t } = useWords()
  const view = useSyncExternalStore(session.subscribe, session.getView)
  const [filesOpen, setFilesOpen] = useState(false)
  const [captionsShown, setCaptionsShown] = useState(true)
  const arrived = view.transfers.filter((each) => each.direction === 'in' && each.state === 'done').length
  const [seen, setSeen] = useState(0)
  const filesButton = useRef<HTMLElement | null>(null)
  useStayAwake()
  useTopic(t.productLine)

  const openFiles = useCallback(() => {
    filesButton.current = document.activeElement as HTMLElement | null
    setFilesOpen(true)
  }, [])
  const closeFiles = useCallback(() => {
    setFilesOpen(false)
    setSeen(arrived)
    filesButton.current?.focus()
  }, [arrived])
  useEffect(() => {
    if (!filesOpen) return undefined
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') closeFiles()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [filesOpen, closeFiles])

  const maySendFiles = files && view.maySendFiles
  const dropping = useFileDrop((dropped) => {
    if (!maySendFiles) return
    session.sendFiles(dropped)
    setFilesOpen(true)
  })
  const sharing = view.people.filter((person) => person.screen)
  return (
    <div className="call">
      <header className="call-top">
        <span className="brand">
          <Logo />
          <h1>{room === '' ? t.productLine : room}</h1>
        </span>
        <span className="call-count">{t.people(view.people.length)}</span>
        <LanguageSwitch />
        <HelpLink className="help call-help" />
      </header>
      <main className="call-main">
        <Banners session={session} view={view} />
        <div className="call-room">
          <div className={`stage${sharing.length > 0 ? ' stage-shared' : ''}`}>
            {sharing.length > 0 && (
              <ul className="screens" aria-label={t.shareScreen}>
                {sharing.map((person) => (
                  <Tile key={person.identity} person={person} screen />
                ))}
              </ul>
            )}
            <People view={view} fixed={sharing.length > 0} />
            {view.people.length === 1 && <p className="alone">{t.alone}</p>}
            <CaptionArea captions={captionsShown ? view.captions : []} nameOf={(identity) => view.people.find((person) => person.identity === identity)?.name} />
          </div>
          {filesOpen && <FilesPanel session={session} view={view} onClose={closeFiles} />}
        </div>
      </main>
      <Controls
        session={session}
        view={view}
        filesOpen={filesOpen}
        news={filesOpen ? 0 : arrived - seen}
        onFiles={!files ? undefined : filesOpen ? closeFiles : openFiles}
        captionsShown={captionsShown}
        onCaptions={view.captioned ? () => setCaptionsShown(!captionsShown) : undefined}
      />
      {dropping && maySendFiles && <p className="drop">{t.filesDrop}</p>}
      <Notices notice={view.notice} />
      {view.sounds.map(({ sid, track }) => (
        <Sound key={sid} track={track} />
      ))}
    </div>
  )
}

/** The grid; beside a shared screen a strip whose shape the style sheet decides. */
function People({ view, fixed }: { view: CallView; fixed: boolean }) {
  const { t } = useWords()
  const list = useRef<HTMLUListElement>(null)
  const [box, setBox] = useState({ width: 0, height: 0 })
  useEffect(() => {
    if (list.current === null) return undefined
    const watcher = new ResizeObserver(([entry]) => {
      if (entry) setBox({ width: entry.contentRect.width, height: entry.contentRect.height })
    })
    watcher.observe(list.current)
    return () => watcher.disconnect()
  }, [])
  const columns = gridColumns(fixed ? view.people.length : cellsOf(view.people), box.width, box.height)
  return (
    <ul
      ref={list}
      className={fixed ? 'people people-strip' : view.people.length > 2 ? 'people people-pinned' : 'people'}
      style={{ '--columns': columns } as CSSProperties}
      aria-label={t.participants}
      // A strip that scrolls must be reachable with the keyboard.
      {...(fixed ? { tabIndex: 0 } : {})}
    >
      {inOrder(view.people).map((person) => (
        <Tile key={person.identity} person={person} />
      ))}
    </ul>
  )
}

function Banners({ session, view }: { session: CallSession; view: CallView }) {
  const { t } = useWords()
  return (
    <div className="banners">
      <div role="alert">{view.reconnecting && <p className="banner banner-warn">{t.reconnecting}</p>}</div>
      {view.soundBlocked && (
        <p className="banner">
          {t.soundBlocked}
          <button type="button" className="button button-small" onClick={() => void session.startSound()}>
            <SoundIcon />
            {t.startSound}
          </button>
        </p>
      )}
      <div role="alert">
        {view.problem !== undefined && (
          <p className="banner banner-warn">
            {t[view.problem]}
            <button
              type="button"
              className="button button-round"
              aria-label={t.dismiss}
              onClick={() => session.dismissProblem()}
            >
              <CloseIcon />
            </button>
          </p>
        )}
      </div>
    </div>
  )
}

/** The region is always there and only its words change: otherwise screen readers miss the first ones. */
function Notices({ notice }: { notice: Notice | undefined }) {
  const { t } = useWords()
  const [gone, setGone] = useState(0)
  useEffect(() => {
    if (notice === undefined) return undefined
    const timer = setTimeout(() => setGone(notice.id), NOTICE_MS)
    return () => clearTimeout(timer)
  }, [notice])
  const shown = notice !== undefined && notice.id > gone
  return (
    <div className="notices" role="status">
      {shown && (
        <p key={notice.id} className="toast">
          {notice.say(t)}
        </p>
      )}
    </div>
  )
}
