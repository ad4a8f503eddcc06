/** Codes of what was refused in this visit, for a diagnostic that is sent from another page of it. */

const WORDS_KEPT = 'chevet.errors'
const KEPT_MAX = 50
export interface Kept {
  at: number
  code: string
}

/** Keeps a refusal by its code. */
export function remember(code: string): void {
  // Codes of the API are words; what a proxy says is none of them.
  const word = code === 'network' ? 'network_offline' : code
  // Whoever is not logged in yet has met no error.
  if (code === 'unauthenticated') return
  if (!/^[a-z]+([-_][a-z]+)*$/.test(word)) return
  try {
    sessionStorage.setItem(WORDS_KEPT, JSON.stringify([...remembered(), { at: Date.now(), code: word }].slice(-KEPT_MAX)))
  } catch {
    // Private modes may refuse storage.
  }
}

export function remembered(): Kept[] {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(WORDS_KEPT) ?? '[]')
    return Array.isArray(kept) ? kept.filter((each: unknown): each is Kept => typeof (each as Kept).at === 'number' && typeof (each as Kept).code === 'string') : []
  } catch {
    return []
  }
}
