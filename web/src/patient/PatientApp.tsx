import { lazy, Suspense, useState } from 'react'
import '../styles/patient.css'
import { Spinner } from '../ui/Progress'
import { Toasts } from '../ui/Toasts'
import { Landing } from './Landing'
import type { Screen } from './screens'
import { useVisit } from './useVisit'
import { usePatientWords } from './words'

// Before the first tap a phone on a weak line loads no more than the page that it looks at.
const insidePart = () => import('./Inside')
const Inside = lazy(insidePart)

const BEFORE: readonly Screen[] = ['unreachable', 'unknown', 'gate', 'too-early', 'over', 'cancelled', 'revoked', 'landing', 'in-use']

/** The patient's way, from the link to the end: `/c#secret`. */
export default function PatientApp() {
  const { t } = usePatientWords()
  const [secret] = useState(() => decodeFragment(location.hash))
  const visit = useVisit(secret)
  const { screen } = visit
  const loading = <div className="waiting"><Spinner>{t.loading}</Spinner></div>
  const before = BEFORE.includes(screen) || (screen === 'end' && visit.facts.guest === undefined)
  return (
    <Toasts>
      {screen === 'loading' ? (
        loading
      ) : before ? (
        <Landing visit={visit} onBegin={() => void insidePart().catch(() => undefined)} />
      ) : (
        <Suspense fallback={loading}>
          <Inside visit={visit} />
        </Suspense>
      )}
    </Toasts>
  )
}

function decodeFragment(hash: string): string {
  try {
    return decodeURIComponent(hash.replace(/^#/, '')).trim()
  } catch {
    return ''
  }
}
