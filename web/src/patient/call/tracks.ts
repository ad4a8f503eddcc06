import { useEffect, useState } from 'react'

/** Sound that is nothing but zeros for so long comes from a microphone that is switched off, in milliseconds. */
const DEAD_MS = 5000
/** How often the sound is looked at, in milliseconds. */
const LOOK_MS = 250
/** A picture that stops for a moment is nobody's business, in milliseconds. */
const FROZEN_MS = 2000

/** The camera gives no pictures any more: the telephone rang, another application took it, the page was away. */
export function useFrozen(track: MediaStreamTrack | undefined): boolean {
  const [frozen, setFrozen] = useState<MediaStreamTrack>()
  useEffect(() => {
    if (track === undefined) return undefined
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = (): void => {
      clearTimeout(timer)
      const still = track.readyState === 'ended' || track.muted
      if (still) timer = setTimeout(() => setFrozen(track), FROZEN_MS)
      else setFrozen(undefined)
    }
    look()
    for (const event of EVENTS) track.addEventListener(event, look)
    document.addEventListener('visibilitychange', look)
    return () => {
      clearTimeout(timer)
      for (const event of EVENTS) track.removeEventListener(event, look)
      document.removeEventListener('visibilitychange', look)
    }
  }, [track])
  return track !== undefined && frozen === track
}
const EVENTS = ['mute', 'unmute', 'ended'] as const

/** The microphone gives silence and nothing else, as one does whose switch is off. A quiet room is never quite silent. */
export function useDeadSound(track: MediaStreamTrack | undefined): boolean {
  const [dead, setDead] = useState(false)
  useEffect(() => {
    if (track === undefined) return undefined
    const context = new AudioContext()
    const source = context.createMediaStreamSource(new MediaStream([track]))
    const analyser = context.createAnalyser()
    source.connect(analyser)
    void context.resume()
    const samples = new Float32Array(analyser.fftSize)
    let silent = 0
    const timer = setInterval(() => {
      // A context that sleeps gives zeros too.
      if (context.state !== 'running' || !track.enabled) return
      analyser.getFloatTimeDomainData(samples)
      silent = samples.every((sample) => sample === 0) ? silent + LOOK_MS : 0
      setDead(silent >= DEAD_MS)
    }, LOOK_MS)
    return () => {
      clearInterval(timer)
      source.disconnect()
      void context.close()
      setDead(false)
    }
  }, [track])
  return dead
}
