import { useEffect, useEffectEvent } from 'react'

/** The back button of a telephone asks before it leaves. */
export function useBackButton(onBack: () => void): void {
  const ask = useEffectEvent(onBack)
  useEffect(() => {
    const stay = (): void => {
      // Once on the way: two of them would take two presses afterwards.
      if ((history.state as { stay?: boolean } | null)?.stay !== true) history.pushState({ stay: true }, '')
    }
    const back = (): void => {
      stay()
      ask()
    }
    stay()
    addEventListener('popstate', back)
    return () => removeEventListener('popstate', back)
  }, [])
}
