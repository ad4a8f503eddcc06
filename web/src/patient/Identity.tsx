import { useState, type SyntheticEvent } from 'react'
import { Button } from '../ui/Button'
import { TextField } from '../ui/Field'
import { ArrowIcon } from '../ui/icons'
import { Failed } from './Failed'
import { Frame } from './Frame'
import { birthDate } from './time'
import type { Visit } from './useVisit'
import { usePatientWords } from './words'

const WRONG = 'identity-check-required'

export function Identity({ visit, phone }: { visit: Visit; phone: string | undefined }) {
  const { t } = usePatientWords()
  const [answer, setAnswer] = useState('')
  const [problem, setProblem] = useState<string>()
  const kind = visit.facts.guest.identity_check
  const about = {
    none: { label: t.askLetters, hint: t.hintLetters },
    first_letters: { label: t.askLetters, hint: t.hintLetters, autoComplete: 'off', maxLength: 40 },
    birth_date: { label: t.askBirthDate, hint: t.hintBirthDate, autoComplete: 'bday', inputMode: 'text', maxLength: 30 },
    code: { label: t.askCode, hint: t.hintCode, autoComplete: 'one-time-code', inputMode: 'numeric', maxLength: 8 },
  } as const
  const send = (event: SyntheticEvent): void => {
    event.preventDefault()
    const given = answer.trim()
    const told = kind === 'birth_date' ? birthDate(given) : given
    if (given === '') setProblem(t.emptyAnswer)
    else if (told === undefined) setProblem(t.badBirthDate)
    else {
      setProblem(undefined)
      void visit.act(() => visit.api.identity(told))
    }
  }
  const wrong = visit.failure?.code === WRONG ? t.wrongAnswer : undefined
  return (
    <Frame screen="identity" title={t.identityTitle} phone={phone}>
      <form className="patient" noValidate onSubmit={send}>
        <TextField
          {...about[kind]}
          name="answer"
          value={answer}
          error={problem ?? wrong}
          onChange={(event) => setAnswer(event.target.value)}
        />
        <Failed visit={visit} except={[WRONG]} />
        <Button type="submit" icon={<ArrowIcon />} busy={visit.busy} data-test="answer">
          {t.goOn}
        </Button>
      </form>
    </Frame>
  )
}
