/** Milliseconds before each attempt to come into the call; after the last one people decide. A server that starts anew takes a while. */
export const RETRIES_MS: readonly number[] = [0, 1000, 2000, 4000, 8000, 8000, 8000, 8000, 8000, 8000, 8000, 8000]

/** After this the telephone is named, in milliseconds. */
export const LONG_MS = 30_000

/** Attempts of which the server was reached and the picture was not: then more of them do not help. */
export const BLOCKED_MAX = 2

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

/** Waits, but not longer than until the line is back. */
export const pauseOrOnline = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    const go = (): void => {
      clearTimeout(timer)
      removeEventListener('online', go)
      resolve()
    }
    const timer = setTimeout(go, ms)
    addEventListener('online', go)
  })
