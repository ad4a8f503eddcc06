import { useEffect, useState } from 'react'
import { reasonsOf, type LineSample, type Reason } from '../call/quality'
import type { CallSession } from '../call/session'
import { useWords } from '../i18n/desk'
import { Chip, type Tone } from '../ui/Chip'
import { Spinner } from '../ui/Progress'
import { useDesk } from './desk'

/** Between two looks, in milliseconds. */
const LOOK_MS = 3000
const TONES: Record<LineSample['line'], Tone> = { excellent: 'good', good: 'good', poor: 'warn', lost: 'bad', unknown: 'neutral' }

/** How each line is, and why a picture is not better: only what the server and the browser know. */
export function QualityPanel({ session }: { session: CallSession }) {
  const { t } = useWords()
  const { consultation } = useDesk()
  const [looks, setLooks] = useState<{ now: readonly LineSample[]; before: readonly LineSample[] }>()
  useEffect(() => {
    let gone = false
    const look = async (): Promise<void> => {
      const now = await session.lines()
      if (!gone) setLooks((last) => ({ now, before: last?.now ?? [] }))
    }
    void look()
    const timer = setInterval(() => void look(), LOOK_MS)
    return () => {
      gone = true
      clearInterval(timer)
    }
  }, [session])
  if (looks === undefined) return <Spinner />
  return (
    <div className="pro-stack">
      <h2>{t.quality}</h2>
      <ul className="doc-list">
        {looks.now.map((sample) => {
          const reasons = reasonsOf(sample, looks.before.find(({ identity }) => identity === sample.identity))
          const words: Partial<Record<Reason, string>> = sample.isLocal ? t.reasonsYou : t.reasonsThem
          const receives = consultation.participants.find(({ id }) => id === sample.identity)?.picture_suspended !== true
          return (
            <li key={sample.identity} className="doc">
              <p className="pro-row">
                <strong>{sample.isLocal ? t.qualityYou : sample.name}</strong>
                <Chip tone={TONES[sample.line]}>{t.lines[sample.line]}</Chip>
              </p>
              {sample.picture !== undefined && <p className="doc-about">{(sample.isLocal ? t.pictureSent : t.pictureReceived)(sample.picture.width, sample.picture.height, sample.picture.perSecond)}</p>}
              {reasons.map((reason) => <p key={reason}>{words[reason]}</p>)}
              {!receives && <p>{t.missesPicture}</p>}
            </li>
          )
        })}
      </ul>
      <p className="field-hint">{t.qualityHint}</p>
    </div>
  )
}
