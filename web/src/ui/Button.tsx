import type { ButtonHTMLAttributes, ReactNode } from 'react'

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** The one action of the screen, another one, or one that ends or destroys. */
  kind?: 'main' | 'quiet' | 'danger'
  icon: ReactNode
  /** Busy: says so, and takes no second press. */
  busy?: boolean
  children: ReactNode
}

/** An icon and a word: never one without the other. */
export function Button({ kind = 'main', icon, busy = false, className = '', disabled, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      className={`button button-${kind} ${className}`.trim()}
      disabled={disabled === true || busy}
      aria-busy={busy || undefined}
    >
      {busy ? <span className="spinner" aria-hidden="true" /> : icon}
      <span>{children}</span>
    </button>
  )
}
