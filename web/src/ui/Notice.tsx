import type { ReactNode } from 'react'
import { AlertIcon, CheckIcon, InfoIcon } from './icons'

export type NoticeKind = 'info' | 'good' | 'warn' | 'bad'
const ICONS: Record<NoticeKind, () => ReactNode> = { info: InfoIcon, good: CheckIcon, warn: AlertIcon, bad: AlertIcon }

/** A message on the page. Bad ones interrupt those who listen; the others wait for their turn. */
export function Notice({ kind = 'info', children }: { kind?: NoticeKind; children: ReactNode }) {
  const Sign = ICONS[kind]
  return (
    <div className={`notice notice-${kind}`} role={kind === 'bad' ? 'alert' : 'status'}>
      <Sign />
      <div className="notice-words">{children}</div>
    </div>
  )
}
