import { Notice } from '../ui/Notice'
import type { Visit } from './useVisit'
import { usePatientWords } from './words'

/** Why the last step was refused, unless the field itself says it. */
export function Failed({ visit, except = [] }: { visit: Visit; except?: readonly string[] }) {
  const { t } = usePatientWords()
  const { failure } = visit
  if (failure === undefined || except.includes(failure.code)) return null
  return <Notice kind="bad">{failure.code === 'unreachable' ? t.unreachableText : t.problem(failure.detail)}</Notice>
}
