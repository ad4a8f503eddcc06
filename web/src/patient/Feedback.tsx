import { useState, type SyntheticEvent } from 'react'
import { Button } from '../ui/Button'
import { TextArea } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { SendIcon } from '../ui/icons'
import { codeOf, type GuestApi } from './api'
import { usePatientWords } from './words'

const QUESTIONS = ['ease', 'quality', 'satisfaction'] as const
type Question = (typeof QUESTIONS)[number]

/** Three questions, none of which has to be answered. */
export function Feedback({ api }: { api: GuestApi }) {
  const { t } = usePatientWords()
  const [answers, setAnswers] = useState<Partial<Record<Question, number>>>({})
  const [comment, setComment] = useState('')
  const [state, setState] = useState<'open' | 'busy' | 'failed' | 'sent' | 'absent'>('open')
  const empty = Object.keys(answers).length === 0 && comment.trim() === ''
  if (state === 'absent') return null
  if (state === 'sent') return <Notice kind="good">{t.feedbackThanks}</Notice>
  const send = (event: SyntheticEvent): void => {
    event.preventDefault()
    if (empty) return
    setState('busy')
    api.post('feedback', { ...answers, ...(comment.trim() === '' ? {} : { comment: comment.trim() }) }).then(
      () => setState('sent'),
      (error: unknown) => setState(codeOf(error) === 'not-found' ? 'absent' : 'failed'),
    )
  }
  const words = { ease: t.feedbackEase, quality: t.feedbackQuality, satisfaction: t.feedbackSatisfaction }
  return (
    <section className="handed" aria-labelledby="feedback">
      <h2 id="feedback">{t.feedbackTitle}</h2>
      <form className="patient" noValidate onSubmit={send}>
        {QUESTIONS.map((question) => (
          <fieldset key={question} className="scale">
            <legend>{words[question]}</legend>
            <div className="scale-steps">
              {t.feedbackScale.map((step, index) => (
                <label key={step} className="scale-step">
                  <input
                    type="radio"
                    name={question}
                    value={index + 1}
                    checked={answers[question] === index + 1}
                    onChange={() => setAnswers({ ...answers, [question]: index + 1 })}
                  />
                  <span aria-hidden="true">{index + 1}</span>
                  <span className="unseen">{step}</span>
                </label>
              ))}
            </div>
            <p className="scale-ends" aria-hidden="true">
              <span>{t.feedbackScale[0]}</span>
              <span>{t.feedbackScale.at(-1)}</span>
            </p>
          </fieldset>
        ))}
        <TextArea label={t.feedbackComment} optional rows={3} maxLength={500} value={comment} onChange={(event) => setComment(event.target.value)} />
        {state === 'failed' && <Notice kind="bad">{t.unreachableText}</Notice>}
        <Button type="submit" kind="quiet" icon={<SendIcon />} busy={state === 'busy'} disabled={empty} data-test="feedback">
          {t.feedbackSend}
        </Button>
      </form>
    </section>
  )
}
