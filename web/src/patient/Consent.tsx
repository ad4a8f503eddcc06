import { useCallback, useEffect, useState } from 'react'
import { useCommon } from '../i18n/common'
import { Button } from '../ui/Button'
import { TextField } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import { CheckIcon, CloseIcon, RetryIcon } from '../ui/icons'
import type { ConsentText } from './api'
import { Failed } from './Failed'
import { Frame } from './Frame'
import type { Visit } from './useVisit'
import { usePatientWords } from './words'

export function Consent({ visit, phone }: { visit: Visit; phone: string | undefined }) {
  const { t, language } = usePatientWords()
  const { t: common } = useCommon()
  const { api } = visit
  const [text, setText] = useState<ConsentText>()
  const [failed, setFailed] = useState(false)
  const [name, setName] = useState('')
  const [problem, setProblem] = useState<string>()
  const minor = visit.facts.guest.representative_required

  const load = useCallback(() => {
    api.speak(language)
    api.consentText().then(
      (got) => {
        setText(got)
        setFailed(false)
      },
      () => setFailed(true),
    )
  }, [api, language])
  useEffect(load, [load])

  const decide = (decision: 'accepted' | 'refused'): void => {
    const representative = name.trim()
    if (minor && representative === '') {
      setProblem(t.representativeMissing)
      return
    }
    setProblem(undefined)
    void visit.act(() => api.consent(decision, text?.version ?? '', minor ? representative : undefined)).then((done) => {
      // The text may have changed meanwhile: what is agreed to is what is read.
      if (!done) load()
    })
  }
  return (
    <Frame screen="consent" title={t.consentTitle} phone={phone}>
      {text === undefined && !failed && <Spinner />}
      {failed && (
        <>
          <Notice kind="bad">{t.unreachableText}</Notice>
          <Button icon={<RetryIcon />} onClick={load}>
            {t.again}
          </Button>
        </>
      )}
      {text !== undefined && !failed && (
        <>
          <ul className="patient-lines">
            {text.lines.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
          <p>
            <a href="/confidentialite" target="_blank" rel="noreferrer">
              {t.privacy} ({common.newTab})
            </a>
          </p>
          {minor && (
            <TextField
              label={t.representative}
              hint={t.representativeHint}
              autoComplete="name"
              maxLength={80}
              value={name}
              error={problem}
              onChange={(event) => setName(event.target.value)}
            />
          )}
          <Failed visit={visit} />
          <Button icon={<CheckIcon />} busy={visit.busy} data-test="accept" onClick={() => decide('accepted')}>
            {t.accept}
          </Button>
          <Button icon={<CloseIcon />} kind="quiet" disabled={visit.busy} data-test="refuse" onClick={() => decide('refused')}>
            {t.refuse}
          </Button>
        </>
      )}
    </Frame>
  )
}
