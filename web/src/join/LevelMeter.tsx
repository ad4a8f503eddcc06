import { useEffect, useEffectEvent, useRef, useState } from 'react'
import { useWords } from '../i18n/call'
import { watchLevel } from '../media/level'

/** Share of the meter above which a voice, and not the room, is heard. */
const VOICE = 0.35

/** The bar moves outside React: sixty renders a second would be waste. */
export function LevelMeter({ track, onHeard }: { track: MediaStreamTrack; onHeard?: () => void }) {
  const { t } = useWords()
  const bar = useRef<HTMLDivElement>(null)
  const [heard, setHeard] = useState(false)
  const tell = useEffectEvent(() => {
    setHeard(true)
    onHeard?.()
  })
  useEffect(() => {
    let shown = 0
    return watchLevel(track, (share) => {
      // Rises at once, falls gently.
      shown = Math.max(share, shown * 0.92)
      if (bar.current) bar.current.style.transform = `scaleX(${shown.toFixed(3)})`
      if (share > VOICE) tell()
    })
  }, [track])
  return (
    <div className="meter">
      <div className="meter-track" aria-hidden="true">
        <div ref={bar} className="meter-bar" />
      </div>
      <p className="meter-words" role="status">
        {heard ? t.heardYou : t.speakNow}
      </p>
    </div>
  )
}
