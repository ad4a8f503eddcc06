import type { ReactNode } from 'react'

/** A sheet of paper on the page; with a heading of second rank when it is one part of several. */
export function Card({ title, wide = false, children }: { title?: string; wide?: boolean; children: ReactNode }) {
  return (
    <section className={wide ? 'card card-wide' : 'card'}>
      {title !== undefined && <h2>{title}</h2>}
      {children}
    </section>
  )
}
