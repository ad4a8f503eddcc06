import type { RemoteTrack, Track } from 'livekit-client'
import { useEffect, useRef } from 'react'
import { useWords } from '../i18n/call'
import { MicrophoneIcon } from '../ui/icons'
import type { PersonView } from './session'

interface TileProps {
  person: PersonView
  /** Shows the shared screen instead of the camera. */
  screen?: boolean
  /** What one's own tile says instead of the name. */
  ownName?: string
}

export function Tile({ person, screen = false, ownName }: TileProps) {
  const { t } = useWords()
  const track = screen ? person.screen : person.camera
  const label = screen
    ? person.isLocal
      ? t.yourScreen
      : t.screenOf(person.name)
    : person.isLocal
      ? (ownName ?? t.nameYou(person.name))
      : person.name
  const states = [
    !screen && !person.microphoneOn && t.micIsOff,
    !screen && !person.camera && t.cameraIsOff,
    !screen && person.speaking && t.isSpeaking,
    !screen && person.weak && t.weakConnection,
    !screen && person.suspended && t.suspended,
  ].filter((state) => state !== false)
  return (
    <li
      className={`tile${screen ? ' tile-screen' : ''}${person.speaking && !screen ? ' tile-speaking' : ''}`}
      data-identity={person.identity}
      data-role={screen ? undefined : person.role}
    >
      {track ? (
        <Picture track={track} label={label} mirrored={person.mirrored && !screen} />
      ) : (
        <span className="tile-initials" aria-hidden="true">
          {initials(person.name)}
        </span>
      )}
      <p className="tile-plate">
        {!screen && !person.microphoneOn && <MicrophoneIcon off />}
        <span className="tile-name">{label}</span>
        {!screen && person.suspended && <span className="tile-weak">{t.suspended}</span>}
        {!screen && person.weak && !person.suspended && <span className="tile-weak">{t.weakConnection}</span>}
        {states.length > 0 && <span className="unseen">({states.join(', ')})</span>}
      </p>
    </li>
  )
}

/** The client attaches and detaches the element itself: it watches size and visibility to choose the layer. */
function Picture({ track, label, mirrored }: { track: Track; label: string; mirrored: boolean }) {
  const element = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    const video = element.current
    if (video === null) return undefined
    track.attach(video)
    return () => {
      track.detach(video)
    }
  }, [track])
  return <video ref={element} className={mirrored ? 'mirrored' : ''} aria-label={label} autoPlay playsInline muted />
}

/** Plays one remote voice. */
export function Sound({ track }: { track: RemoteTrack }) {
  const element = useRef<HTMLAudioElement>(null)
  useEffect(() => {
    const audio = element.current
    if (audio === null) return undefined
    track.attach(audio)
    return () => {
      track.detach(audio)
    }
  }, [track])
  return <audio ref={element} autoPlay />
}

/** Two letters for those without a picture: titles such as “Dr” are not names. */
export function initials(name: string): string {
  const words = name.split(/[\s-]+/).filter((word) => word !== '' && !/^(dr|pr|mme|mlle|mr|mrs|ms|m)\.?$/i.test(word))
  const first = words[0] ?? name
  const last = words.length > 1 ? (words[words.length - 1] ?? '') : ''
  const letter = (word: string): string => String.fromCodePoint(word.codePointAt(0) ?? 32).toUpperCase()
  return letter(first) + letter(last)
}
