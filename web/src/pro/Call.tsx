import { useEffect, useRef, useState } from 'react'
import { CallPage } from '../call/CallPage'
import { startCall, type CallSession } from '../call/session'
import { consultations } from '../api/clinic'
import { useAction } from '../api/useAction'
import type { Consultation } from '../api/types'
import { explainJoinError, type EndReason } from '../errors'
import { useWords as useCallWords, type PlainText } from '../i18n/call'
import { useWords } from '../i18n/pro'
import { JoinPage } from '../join/JoinPage'
import { release, type Captured } from '../media/capture'
import { Button } from '../ui/Button'
import { LogOutIcon, UndoIcon } from '../ui/deskIcons'
import { useDesk } from './desk'
import { EndDialog } from './EndDialog'
import { whoOf } from './format'
import { Panel } from './Panel'
import { ProblemNotice } from './parts'

/** Own devices first, then the call with the panel beside it. The token is had at the last moment: it lives two minutes. */
export default function Call({ onLeft }: { onLeft: (reason: EndReason) => void }) {
  const { t } = useWords()
  const { consultation, reload } = useDesk()
  const [session, setSession] = useState<CallSession>()
  const [failure, setFailure] = useState<PlainText>()
  const [attempt, setAttempt] = useState(0)
  const [ending, setEnding] = useState(false)
  const action = useAction()
  const live = useRef<CallSession>(undefined)
  useEffect(() => () => void live.current?.leave(), [])
  // Names never reach the room: they are known to this page by the consultation.
  useEffect(() => {
    session?.nameThem(new Map(consultation.participants.map(({ id, name, role }) => [id, name === '' ? t.roles[role] : name])))
  }, [session, consultation.participants, t])
  const enter = (captured: Captured): void => {
    setFailure(undefined)
    void action
      .run(async () => {
        const { token } = await consultations.mediaToken(consultation.id)
        try {
          const started = await startCall({ token, name: consultation.professional, mayRename: false }, consultation.professional, captured)
          live.current = started
          started.onEnd((reason) => {
            live.current = undefined
            onLeft(reason)
          })
          setSession(started)
          reload()
        } catch (error) {
          console.warn('the call could not start', error)
          setFailure(explainJoinError(error))
          release(captured)
          setAttempt((before) => before + 1)
        }
      })
      .then((worked) => {
        if (worked) return
        release(captured)
        setAttempt((before) => before + 1)
      })
  }
  if (session === undefined) {
    return (
      <>
        <ProblemNotice problem={action.problem} />
        <JoinPage
          key={attempt}
          link={{ token: '', identity: '', room: '', name: consultation.professional, mayRename: false }}
          failure={failure}
          joining={action.busy}
          onJoin={enter}
          back={<Button icon={<UndoIcon />} kind="quiet" onClick={() => onLeft('left')}>{t.back}</Button>}
        />
      </>
    )
  }
  const name = whoOf(consultation) ?? t.noName
  return (
    <div className="pro-call">
      <CallPage session={session} room={name} files={false} />
      <aside className="pro-call-panel" aria-label={t.panel}>
        <Panel inRoom session={session} />
        {consultation.capabilities.includes('end') && <div className="pro-row pro-call-end">
          <Button icon={<LogOutIcon />} kind="danger" onClick={() => setEnding(true)}>{t.endForAll}</Button>
        </div>}
      </aside>
      <Newcomers consultation={consultation} />
      {ending && <EndDialog id={consultation.id} onClose={() => setEnding(false)} onEnded={() => {
        setEnding(false)
        void session.leave()
        onLeft('finished')
      }} />}
    </div>
  )
}

/** Says aloud who came to the waiting room, wherever the eyes are. */
function Newcomers({ consultation }: { consultation: Consultation }) {
  const { t } = useWords()
  const { t: words } = useCallWords()
  const waiting = consultation.participants.filter((person) => person.state === 'waiting')
  return (
    <p className="unseen" role="status" aria-label={words.participants}>
      {waiting.map((person) => t.waitingNow(person.name)).join(' ')}
    </p>
  )
}
