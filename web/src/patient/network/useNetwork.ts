import { useCallback, useEffect, useState } from 'react'
import { noteNetwork } from '../diary'
import { measure, verdictOf, type Measured, type Verdict } from './probe'

export interface Network {
  state: 'measuring' | 'done'
  measured: Measured | undefined
  /** `undefined`: nothing is known, and nothing is said. */
  verdict: Verdict | undefined
  again: () => void
}

/** The line, measured once and when asked. */
export function useNetwork(): Network {
  const [round, setRound] = useState(0)
  const [done, setDone] = useState<{ round: number; measured: Measured | undefined }>()
  useEffect(() => {
    let left = false
    const tell = (measured: Measured | undefined): void => {
      if (left) return
      noteNetwork(measured)
      setDone({ round, measured })
    }
    measure(() => left).then(tell, () => tell(undefined))
    return () => {
      left = true
    }
  }, [round])
  const again = useCallback(() => setRound((before) => before + 1), [])
  const measured = done?.round === round ? done.measured : undefined
  return {
    state: done?.round === round ? 'done' : 'measuring',
    measured,
    verdict: measured === undefined ? undefined : verdictOf(measured),
    again,
  }
}
