/**
 * Which participant this browser came in as, by which link: so that a page loaded again goes on by itself instead of
 * asking whether to take over from itself. The secret is kept as a digest only.
 */
const STORED = 'chevet.seat'

export async function rememberSeat(secret: string, participant: string, shared: boolean): Promise<void> {
  const digest = await digestOf(secret)
  if (digest === undefined) return
  try {
    // On a tablet for everybody nothing outlives the tab.
    const kept = shared ? sessionStorage : localStorage
    kept.setItem(STORED, JSON.stringify({ digest, participant }))
  } catch {
    // Private modes may refuse storage: then it is asked.
  }
}

export function forgetSeat(): void {
  try {
    sessionStorage.removeItem(STORED)
    localStorage.removeItem(STORED)
  } catch {
    // Nothing was kept then.
  }
}

/** The participant that this browser was by this link. */
export async function rememberedSeat(secret: string): Promise<string | undefined> {
  const digest = await digestOf(secret)
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(STORED) ?? localStorage.getItem(STORED) ?? 'null')
    const seat = typeof kept === 'object' && kept !== null ? (kept as Record<string, unknown>) : {}
    return digest !== undefined && seat.digest === digest && typeof seat.participant === 'string' ? seat.participant : undefined
  } catch {
    return undefined
  }
}

async function digestOf(text: string): Promise<string | undefined> {
  // Absent on plain http, whatever the type says.
  const subtle = crypto.subtle as SubtleCrypto | undefined
  if (subtle === undefined) return undefined
  const bytes = new Uint8Array(await subtle.digest('SHA-256', new TextEncoder().encode(text)))
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
