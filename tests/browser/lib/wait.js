import { setTimeout as sleep } from 'node:timers/promises'

export { sleep }

/**
 * Asks until the answer is truthy, and gives it. Deadlines are generous: the machine may be busy with other work, and a
 * test that fails only on a slow day tells nothing. `why` is asked for the reason when time is up.
 */
export async function until(what, ask, { deadline = 60_000, every = 250, why = () => '' } = {}) {
  const end = Date.now() + deadline
  let last
  for (;;) {
    try {
      last = await ask()
      if (last) return last
    } catch (error) {
      last = error
    }
    if (Date.now() > end) break
    await sleep(every)
  }
  const reason = await Promise.resolve(why()).catch((error) => `no reason: ${error}`)
  throw new Error(`${what}: not within ${deadline / 1000} s; last answer: ${show(last)}\n${show(reason)}`)
}

export const show = (value) => (typeof value === 'string' ? value : value instanceof Error ? String(value) : JSON.stringify(value, null, 1))
