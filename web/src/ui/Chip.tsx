import type { ReactNode } from 'react'

export type Tone = 'neutral' | 'good' | 'warn' | 'bad' | 'active'
const SIGNS: Record<Tone, string> = { neutral: '○', good: '✓', warn: '!', bad: '✕', active: '●' }

/** A state in a word. */
export function Chip({ tone = 'neutral', children }: { tone?: Tone; children: ReactNode }) {
  return <span className={`chip chip-${tone}`}>{children}</span>
}

/** A light with its word: the sign inside tells the tones apart without colours. */
export function Light({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className="light">
      <span className={`light-lamp light-${tone}`} aria-hidden="true">
        {SIGNS[tone]}
      </span>
      {children}
    </span>
  )
}
