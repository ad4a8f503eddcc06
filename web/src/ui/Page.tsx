import { useEffect, useRef, type ReactNode } from 'react'
import { useCommon } from '../i18n/common'
import { TextSize, ThemeChoice } from './DisplayMenu'
import { HelpLink } from './HelpLink'
import { LanguageSwitch } from './LanguageSwitch'
import { HelpIcon, Logo } from './icons'
import { shown } from './shown'
import { useTopic } from './title'

interface PageProps {
  /** Under the name of the product. */
  line?: string
  /** The one heading of first rank. A page that brings its own leaves it out. */
  title?: ReactNode
  /** What the window is called, where that is not the heading: a heading may name a person. */
  topic?: string
  /** What changes when another screen takes this one's place: the heading then takes the focus. */
  screen?: string
  /** Between the name and the language: the professional's navigation. */
  navigation?: ReactNode
  /** What the help link does, always the first thing of the foot; the help page unless said otherwise. */
  help?: { href: string } | { onClick: () => void }
  /** Beside the help link. */
  foot?: ReactNode
  wide?: boolean
  children: ReactNode
}

const HELP = { href: '/aide' }

/** The frame of every page but the call itself. */
export function Page({ line, title, topic, screen, navigation, help = HELP, foot, wide = false, children }: PageProps) {
  const { t } = useCommon()
  const heading = useRef<HTMLHeadingElement>(null)
  useTopic(topic ?? (typeof title === 'string' ? title : (line ?? t.product)))
  useEffect(() => {
    const name = screen ?? ''
    // Not on arrival: browsers begin at the top of a page by themselves.
    if (shown.screen !== undefined && shown.screen !== name) heading.current?.focus()
    shown.screen = name
  }, [screen])
  return (
    <div className={wide ? 'page page-wide' : 'page'}>
      <a className="skip" href="#content" onClick={skip}>
        {t.skip}
      </a>
      <header className="page-top">
        <span className="brand">
          <Logo />
          <span>
            <strong>Chevet</strong>
            <small>{line ?? t.product}</small>
          </span>
        </span>
        {navigation}
        <TextSize />
        <LanguageSwitch />
      </header>
      <main id="content" className="page-main" tabIndex={-1}>
        {title === undefined ? (
          children
        ) : (
          <div className="page-body">
            <h1 ref={heading} tabIndex={-1}>
              {title}
            </h1>
            {children}
          </div>
        )}
      </main>
      <footer className="page-foot">
        {'href' in help ? (
          <HelpLink href={help.href} />
        ) : (
          <button type="button" className="help" onClick={help.onClick}>
            <HelpIcon />
            {t.help}
          </button>
        )}
        {foot}
        <ThemeChoice />
      </footer>
    </div>
  )
}

/** Moves the focus itself: the fragment of the address is where links keep their secret. */
function skip(event: { preventDefault: () => void }): void {
  event.preventDefault()
  document.getElementById('content')?.focus()
}
