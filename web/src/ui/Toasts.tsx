import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react'

/** How long a message stays on the screen, in milliseconds. It is never the only place where something is said. */
const SHOWN_MS = 7000

type Tell = (text: string) => void
const ToastContext = createContext<Tell>(() => undefined)

/** `const tell = useToast(); tell('Enregistré.')` shows a message for a moment and reads it out. */
export const useToast = (): Tell => useContext(ToastContext)

/** The region is always there and only its words change: otherwise screen readers miss the first ones. */
export function Toasts({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<{ id: number; text: string }>()
  const tell = useCallback<Tell>((text) => setShown((before) => ({ id: (before?.id ?? 0) + 1, text })), [])
  useEffect(() => {
    if (shown === undefined) return undefined
    const timer = setTimeout(() => setShown((now) => (now?.id === shown.id ? { id: now.id, text: '' } : now)), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [shown])
  const value = useMemo(() => tell, [tell])
  return (
    <ToastContext value={value}>
      {children}
      <div className="notices" role="status">
        {shown !== undefined && shown.text !== '' && (
          <p key={shown.id} className="toast">
            {shown.text}
          </p>
        )}
      </div>
    </ToastContext>
  )
}
