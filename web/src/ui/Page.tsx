import type { ReactNode } from 'react'
import { useWords } from '../i18n/context'
import { LanguageSwitch } from './LanguageSwitch'
import { Logo } from './icons'

/** The frame of the quiet pages: before and after the call. */
export function Page({ children }: { children: ReactNode }) {
  const { t } = useWords()
  return (
    <div className="page">
      <header className="page-top">
        <span className="brand">
          <Logo />
          <span>
            <strong>Chevet</strong>
            <small>{t.productLine}</small>
          </span>
        </span>
        <LanguageSwitch />
      </header>
      <main className="page-main">{children}</main>
    </div>
  )
}
