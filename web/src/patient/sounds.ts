/** Frequencies in hertz and lengths in seconds: the beginning of a well-known round. */
const MUSIC: readonly (readonly [number, number])[] = [
  [523, 0.35],
  [587, 0.35],
  [659, 0.35],
  [523, 0.35],
  [523, 0.35],
  [587, 0.35],
  [659, 0.35],
  [523, 0.5],
]
const CHIME: readonly (readonly [number, number])[] = [
  [659, 0.18],
  [880, 0.4],
]

/** Plays a melody softly; resolves when it is over. */
function play(notes: readonly (readonly [number, number])[]): Promise<void> {
  const context = new AudioContext()
  const gain = context.createGain()
  gain.gain.value = 0.25
  gain.connect(context.destination)
  let at = context.currentTime + 0.05
  for (const [frequency, length] of notes) {
    const tone = context.createOscillator()
    tone.frequency.value = frequency
    tone.type = 'triangle'
    tone.connect(gain)
    tone.start(at)
    tone.stop(at + length * 0.9)
    at += length
  }
  void context.resume()
  const whole = (at - context.currentTime) * 1000
  return new Promise((resolve) => {
    setTimeout(() => {
      void context.close()
      resolve()
    }, whole + 100)
  })
}

/** For the loudspeaker check. */
export const music = (): Promise<void> => play(MUSIC)

/** Let in: heard, felt, and shown by the page itself. */
export function chime(): void {
  void play(CHIME)
  // Absent in Safari.
  if ('vibrate' in navigator) navigator.vibrate([200, 100, 200])
}
