import { lazy, Suspense, useEffect, useMemo, useState, type ComponentType, type ReactNode } from 'react'
import { useCommon } from './i18n/common'
import { initialLanguage, LanguageContext, rememberLanguage, type ChosenLanguage } from './i18n/context'
import type { Language } from './i18n/language'
import { siteOf, type Site } from './site'
import { Boundary } from './ui/Boundary'
import { showDisplay, useDisplay } from './ui/display'

// Each way in brings only what it needs: a patient's phone never loads the professional's pages.
const sites: Record<Site, ComponentType> = {
  home: lazy(() => import('./home/HomePage')),
  info: lazy(() => import('./home/InfoPages')),
  patient: lazy(() => import('./patient/PatientApp')),
  test: lazy(() => import('./patient/TestPage')),
  join: lazy(() => import('./join/Visit')),
  embed: lazy(() => import('./embed/EmbedApp')),
  operator: lazy(() => import('./operator/OperatorPage')),
  professional: lazy(() => import('./pro/ProApp')),
}
/** Pages for work at a desk: smaller type, more of it. */
const DESKS: readonly Site[] = ['professional', 'embed', 'operator']

export function App() {
  const [language, setLanguage] = useState<Language>(initialLanguage)
  const chosen = useMemo<ChosenLanguage>(
    () => ({
      language,
      setLanguage: (next) => {
        rememberLanguage(next)
        setLanguage(next)
      },
    }),
    [language],
  )
  const [site] = useState(() => siteOf(location.pathname))
  const display = useDisplay()
  useEffect(() => {
    document.documentElement.lang = language
  }, [language])
  useEffect(() => showDisplay(display, DESKS.includes(site)), [display, site])
  const Pages = sites[site]
  return (
    <LanguageContext value={chosen}>
      <Boundary>
        <Suspense fallback={<Loading />}>
          <Pages />
        </Suspense>
      </Boundary>
    </LanguageContext>
  )
}

function Loading(): ReactNode {
  const { t } = useCommon()
  return (
    <p className="waiting" role="status">
      {t.working}
    </p>
  )
}
