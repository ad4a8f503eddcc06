/** Loudness of a block of samples as a share of the meter, 0 to 1: -60 dBFS and below is 0, -6 dBFS and above is 1. */
export function meterShare(samples: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < samples.length; i += 1) {
    const sample = samples[i] ?? 0
    sum += sample * sample
  }
  const rms = samples.length === 0 ? 0 : Math.sqrt(sum / samples.length)
  const decibels = 20 * Math.log10(Math.max(rms, 1e-6))
  return Math.min(1, Math.max(0, (decibels + 60) / 54))
}

/** Follows the loudness of a track; returns how to stop. */
export function watchLevel(track: MediaStreamTrack, onLevel: (share: number) => void): () => void {
  const context = new AudioContext()
  const source = context.createMediaStreamSource(new MediaStream([track]))
  const analyser = context.createAnalyser()
  analyser.fftSize = 1024
  source.connect(analyser)
  // Autoplay rules may have left the context asleep; capture in progress usually lifts them.
  void context.resume()
  const samples = new Float32Array(analyser.fftSize)
  let frame = 0
  const look = (): void => {
    analyser.getFloatTimeDomainData(samples)
    onLevel(meterShare(samples))
    frame = requestAnimationFrame(look)
  }
  frame = requestAnimationFrame(look)
  return () => {
    cancelAnimationFrame(frame)
    source.disconnect()
    void context.close()
  }
}
