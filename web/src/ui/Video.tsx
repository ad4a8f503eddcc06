import { useEffect, useRef } from 'react'

interface VideoProps {
  track: MediaStreamTrack
  label: string
  mirrored?: boolean
}

/** A muted picture of one local track. */
export function LocalVideo({ track, label, mirrored = false }: VideoProps) {
  const element = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    const video = element.current
    if (video === null) return undefined
    video.srcObject = new MediaStream([track])
    return () => {
      video.srcObject = null
    }
  }, [track])
  return <video ref={element} className={mirrored ? 'mirrored' : ''} aria-label={label} autoPlay playsInline muted />
}
