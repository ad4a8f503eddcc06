import { useEffect, useId, useRef, type ReactNode } from 'react'
import { ToastRegion } from './Toasts'

interface DialogProps {
  title: string
  /** Escape, too, closes. */
  onClose: () => void
  children: ReactNode
  /** The buttons, the first one the safest. */
  actions: ReactNode
  /** For a document rather than a question. */
  wide?: boolean
}

/** Present means open. The browser keeps the focus inside; it returns to where it was. */
export function Dialog({ title, onClose, children, actions, wide = false }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const before = document.activeElement
    element.current?.showModal()
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={element}
      className={wide ? 'dialog dialog-wide' : 'dialog'}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
    >
      <h2 id={id}>{title}</h2>
      <div className="dialog-body">{children}</div>
      <div className="dialog-actions">{actions}</div>
      <ToastRegion />
    </dialog>
  )
}
