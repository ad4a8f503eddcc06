import { lazy, Suspense, useEffect, useMemo, useState, type ComponentType, type ReactNode } from 'react'
import { useCommon } from './i18n/common'
import { initialLanguage, rememberLanguage } from './i18n/chosen'
import { LanguageContext, type ChosenLanguage } from './i18n/context'
import type { Language } from './i18n/language'
import { siteOf, type Site } from './site'
import { Boundary } from './ui/Boundary'
import { showDisplay } from './ui/display'
import { useDisplay } from './ui/useDisplay'

// Each way in brings only what it needs: a patient's phone never loads the professional's pages.
const sites: Record<Site, ComponentType> = {
  patient: lazy(() => import('./patient/PatientApp')),
  test: lazy(() => import('./patient/TestPage')),
  join: lazy(() => import('./join/Visit')),
  other: lazy(() => import('./Others')),
}

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
  useEffect(() => (site === 'other' ? undefined : showDisplay(display, false)), [display, site])
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
