/** Milliseconds before each attempt to come back into the call; after the last one people decide. */
export const RETRIES_MS: readonly number[] = [0, 1000, 2000, 4000, 8000, 8000]

/** After this the telephone is named, in milliseconds. */
export const LONG_MS = 30_000

/** Runs `attempt` until it succeeds, is told to stop, or the attempts are used up. */
export async function insist<T>(
  attempt: () => Promise<T | undefined>,
  stopped: () => boolean,
  wait: (ms: number) => Promise<void>,
): Promise<T | undefined> {
  for (const pause of RETRIES_MS) {
    await wait(pause)
    if (stopped()) return undefined
    const got = await attempt()
    if (got !== undefined) return got
  }
  return undefined
}
