import { createContext, useContext } from 'react'
import type { Me, Session } from '../api/types'

export interface SessionState {
  /** `null`: nobody is logged in. */
  session: Session | null
  setSession: (session: Session | null) => void
}
export const SessionContext = createContext<SessionState>({ session: null, setSession: () => undefined })
export const useSession = (): SessionState => useContext(SessionContext)

export interface Own {
  me: Me
  reload: () => void
}
export const MeContext = createContext<Own | undefined>(undefined)

/** Oneself; only below the part that needs a session. */
export function useMe(): Own {
  const own = useContext(MeContext)
  if (own === undefined) throw new Error('useMe outside the signed-in pages')
  return own
}
