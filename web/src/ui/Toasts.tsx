import { createContext, useCallback, useContext, useEffect, useId, useMemo, useState, type ReactNode } from 'react'

/** How long a message stays on the screen, in milliseconds. It is never the only place where something is said. */
const SHOWN_MS = 7000

type Tell = (text: string) => void
interface Shown {
  id: number
  text: string
}
interface Regions {
  shown: Shown | undefined
  /** The region that shows it: of the dialog on top, since what lies below an open dialog is neither seen nor read out. */
  top: string | undefined
  enter: (region: string) => void
  leave: (region: string) => void
}
const ToastContext = createContext<Tell>(() => undefined)
const RegionContext = createContext<Regions>({ shown: undefined, top: undefined, enter: () => undefined, leave: () => undefined })

/** `const tell = useToast(); tell('Enregistré.')` shows a message for a moment and reads it out. */
export const useToast = (): Tell => useContext(ToastContext)

export function Toasts({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<Shown>()
  const [regions, setRegions] = useState<readonly string[]>([])
  const tell = useCallback<Tell>((text) => setShown((before) => ({ id: (before?.id ?? 0) + 1, text })), [])
  const enter = useCallback((region: string) => setRegions((before) => [...before, region]), [])
  const leave = useCallback((region: string) => setRegions((before) => before.filter((each) => each !== region)), [])
  useEffect(() => {
    if (shown === undefined) return undefined
    const timer = setTimeout(() => setShown((now) => (now?.id === shown.id ? { id: now.id, text: '' } : now)), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [shown])
  const value = useMemo(() => ({ shown, top: regions.at(-1), enter, leave }), [shown, regions, enter, leave])
  return (
    <ToastContext value={tell}>
      <RegionContext value={value}>
        {children}
        <ToastRegion />
      </RegionContext>
    </ToastContext>
  )
}

/** The region is always there and only its words change: otherwise screen readers miss the first ones. */
export function ToastRegion() {
  const id = useId()
  const { shown, top, enter, leave } = useContext(RegionContext)
  useEffect(() => {
    enter(id)
    return () => leave(id)
  }, [id, enter, leave])
  return (
    <div className="notices" role="status">
      {top === id && shown !== undefined && shown.text !== '' && (
        <p key={shown.id} className="toast">
          {shown.text}
        </p>
      )}
    </div>
  )
}
