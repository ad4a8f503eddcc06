let context: AudioContext | undefined

/** Two soft tones. Browsers play nothing before the first click on the page. */
export function ring(): void {
  try {
    context ??= new AudioContext()
    void context.resume()
    const start = context.currentTime
    for (const [at, hertz] of [[0, 660], [0.22, 880]] as const) {
      const tone = context.createOscillator()
      const loudness = context.createGain()
      tone.frequency.value = hertz
      loudness.gain.setValueAtTime(0, start + at)
      loudness.gain.linearRampToValueAtTime(0.2, start + at + 0.02)
      loudness.gain.linearRampToValueAtTime(0, start + at + 0.2)
      tone.connect(loudness).connect(context.destination)
      tone.start(start + at)
      tone.stop(start + at + 0.22)
    }
  } catch {
    // No sound device: the light and the title say it too.
  }
}
