import type { ApiError } from '../api/client'
import { useLegalWords } from '../i18n/legal'
import { Notice } from '../ui/Notice'
import { ProblemNotice } from './parts'

/** Why an account was not closed: with the number of consultations where these stand in the way. */
export function OpenLeft({ problem }: { problem: ApiError | undefined }) {
  const { t } = useLegalWords()
  const count = problem?.code === 'consultations-open' ? problem.fields.find((field) => field.pointer === '/consultations')?.message : undefined
  return count === undefined || count === null ? <ProblemNotice problem={problem} /> : <Notice kind="bad">{t.openLeft(count)}</Notice>
}
