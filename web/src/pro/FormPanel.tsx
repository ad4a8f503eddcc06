import { useCallback, useEffect, useRef, useState, type SyntheticEvent } from 'react'
import { form } from '../api/clinic'
import type { ApiError, Versioned } from '../api/client'
import { asApiError, useAction, useLoad } from '../api/useAction'
import type { Act, Answer, FormBody, FormField } from '../api/types'
import { useWords } from '../i18n/pro'
import { Button } from '../ui/Button'
import { PenIcon, TrashIcon } from '../ui/deskIcons'
import { CheckIcon, CloseIcon, EyeIcon, RetryIcon } from '../ui/icons'
import { Dialog } from '../ui/Dialog'
import { SelectField, TextArea, TextField } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import { useToast } from '../ui/Toasts'
import { dayTime, timeOf } from './format'
import { ProblemNotice, saveFile, useFieldError } from './parts'
import { usePresentAction } from './Presence'

/** How long after the last change the draft is saved, in milliseconds. */
const SAVE_MS = 3000

export function FormPanel({ id, mayValidate, onValidated }: { id: string; mayValidate: boolean; onValidated: () => void }) {
  const loaded = useLoad(`form ${id}`, () => form.get(id))
  if (loaded.value === undefined) return loaded.problem === undefined ? <Spinner /> : <ProblemNotice problem={loaded.problem} />
  return <Draft key={loaded.value.etag} id={id} first={loaded.value} mayValidate={mayValidate} onReload={loaded.reload} onValidated={() => {
    loaded.reload()
    onValidated()
  }} />
}

interface DraftProps {
  id: string
  first: Versioned<FormBody>
  mayValidate: boolean
  onReload: () => void
  onValidated: () => void
}

function Draft({ id, first, mayValidate, onReload, onValidated }: DraftProps) {
  const { language, t } = useWords()
  const tell = useToast()
  const [answers, setAnswers] = useState(first.value.answers)
  const [acts, setActs] = useState(first.value.acts)
  const [missing, setMissing] = useState(first.value.missing)
  const [saved, setSaved] = useState<'saved' | 'changed' | 'saving'>('saved')
  const [savedAt, setSavedAt] = useState(first.value.updated_at ?? undefined)
  const [problem, setProblem] = useState<ApiError>()
  const [asking, setAsking] = useState(false)
  const error = useFieldError(problem)
  const validating = usePresentAction()
  const previewing = useAction()
  const catalogue = useLoad('acts', form.acts)
  // What is to be saved, and the version that it follows; saves go one after the other.
  const draft = useRef({ answers, acts, changed: false, etag: first.etag })
  const line = useRef<Promise<void>>(Promise.resolve())
  const validated = first.value.validated_at ?? undefined

  const save = useCallback((): Promise<void> => {
    const next = line.current.then(async () => {
      const now = draft.current
      if (!now.changed) return
      now.changed = false
      setSaved('saving')
      try {
        const { value, etag } = await form.save(id, { answers: now.answers, acts: now.acts }, now.etag)
        now.etag = etag
        setMissing(value.missing)
        setSavedAt(value.updated_at ?? new Date().toISOString())
        setSaved(draft.current.changed ? 'changed' : 'saved')
        setProblem(undefined)
      } catch (failure) {
        now.changed = true
        setSaved('changed')
        setProblem(asApiError(failure))
        throw failure
      }
    })
    line.current = next.catch(() => undefined)
    return next
  }, [id])
  useEffect(() => {
    if (saved !== 'changed' || problem?.code === 'version-conflict') return undefined
    const timer = setTimeout(() => void save().catch(() => undefined), SAVE_MS)
    return () => clearTimeout(timer)
  }, [answers, acts, saved, problem, save])
  // Leaving the panel loses nothing.
  useEffect(() => () => void save().catch(() => undefined), [save])

  const change = (next: { answers?: Record<string, Answer>; acts?: Act[] }): void => {
    draft.current = { ...draft.current, ...next, changed: true }
    if (next.answers !== undefined) setAnswers(next.answers)
    if (next.acts !== undefined) setActs(next.acts)
    setSaved('changed')
  }
  const answer = (field: string, value: Answer | undefined): void => {
    const rest = Object.fromEntries(Object.entries(answers).filter(([key]) => key !== field))
    change({ answers: value === undefined ? rest : { ...rest, [field]: value } })
  }
  const validate = (): void => {
    void validating.run(async () => {
      await save()
      await form.validate(id, draft.current.etag)
      setAsking(false)
      tell(t.validated)
      onValidated()
    })
  }
  const names = missing.map((field) => first.value.template.fields.find((each) => each.id === field)?.label[language] ?? field)
  const closed = validated !== undefined
  return (
    <div className="pro-stack">
      {closed ? (
        <Notice kind="good">{t.validatedOn(dayTime(validated, language))}</Notice>
      ) : (
        <p role="status">
          {saved === 'saving' ? t.formSaving : saved === 'changed' ? t.formUnsaved : savedAt === undefined ? '' : t.formSaved(timeOf(savedAt, language))}
        </p>
      )}
      {problem?.code === 'version-conflict' ? (
        <Notice kind="warn">
          <p>{t.formConflict}</p>
          <Button icon={<RetryIcon />} kind="quiet" onClick={onReload}>{t.formReload}</Button>
        </Notice>
      ) : (
        <ProblemNotice problem={problem} />
      )}
      <fieldset className="pro-set pro-stack" disabled={closed}>
        <legend>{first.value.template.label[language]}</legend>
        {first.value.template.fields.map((field) => (
          <OneField key={field.id} field={field} value={answers[field.id]} error={error(`/answers/${field.id}`)} onChange={(value) => answer(field.id, value)} />
        ))}
      </fieldset>
      {(!closed || acts.length > 0) && <fieldset className="pro-set pro-stack" disabled={closed}>
        <legend>{t.acts}</legend>
        <ul>
          {acts.map((act) => (
            <li key={act.code} className="pro-row">
              {act.code} {catalogue.value?.find((each) => each.code === act.code)?.[language]}
              {!closed && <Button icon={<TrashIcon />} kind="quiet" className="button-small" onClick={() => change({ acts: acts.filter((each) => each !== act) })}>{t.actRemove(act.code)}</Button>}
            </li>
          ))}
        </ul>
        {!closed && (
          <SelectField label={t.actAdd} value="" onChange={(event) => {
            const act = catalogue.value?.find((each) => each.code === event.target.value)
            if (act !== undefined) change({ acts: [...acts, { system: 'NGAP', code: act.code, ...(act.amount_cents === undefined ? {} : { amount_cents: act.amount_cents }) }] })
          }}>
            <option value="">{t.choose}</option>
            {catalogue.value?.filter((each) => !acts.some((act) => act.code === each.code)).map((each) => (
              <option key={`${each.profession}${each.code}`} value={each.code}>{each.code} {each[language]}</option>
            ))}
          </SelectField>
        )}
      </fieldset>}
      {!closed && (
        <>
          {names.length > 0 && <p>{t.missing(names.join(', '))}</p>}
          {!mayValidate && <p>{t.afterEnd}</p>}
          <ProblemNotice problem={previewing.problem} />
          <div className="pro-row">
            <Button icon={<EyeIcon />} kind="quiet" busy={previewing.busy} onClick={() => void previewing.run(async () => {
              await save()
              await saveFile(form.previewPath(id))
            })}>
              {t.preview}
            </Button>
            {mayValidate && <Button icon={<CheckIcon />} onClick={() => setAsking(true)}>{t.validate}</Button>}
          </div>
        </>
      )}
      {asking && validating.question === false && (
        <Dialog title={t.validateTitle} onClose={() => setAsking(false)} actions={
          <>
            <Button icon={<CloseIcon />} kind="quiet" onClick={() => setAsking(false)}>{t.cancel}</Button>
            <Button icon={<CheckIcon />} busy={validating.busy} onClick={validate}>{t.validate}</Button>
          </>
        }>
          <p>{t.validateText}</p>
          <ProblemNotice problem={validating.problem} />
        </Dialog>
      )}
      {validating.question}
    </div>
  )
}

function OneField({ field, value, error, onChange }: { field: FormField; value: Answer | undefined; error: string | undefined; onChange: (value: Answer | undefined) => void }) {
  const { language, t } = useWords()
  const about = { label: field.label[language], optional: field.required !== true, error, ...(field.billing === true ? { hint: t.billingOnly } : {}) }
  const text = typeof value === 'string' ? value : ''
  const put = (next: string): void => onChange(next === '' ? undefined : next)
  switch (field.kind) {
    case 'line':
      return <TextField {...about} maxLength={200} value={text} onChange={(event) => put(event.target.value)} />
    case 'text':
      return <TextArea {...about} maxLength={20_000} value={text} onChange={(event) => put(event.target.value)} />
    case 'choice':
      return (
        <SelectField {...about} value={text} onChange={(event) => put(event.target.value)}>
          <option value="">{t.notSaid}</option>
          {field.choices?.map((choice) => <option key={choice.id} value={choice.id}>{choice.label[language]}</option>)}
        </SelectField>
      )
    case 'yes_no':
      return (
        <SelectField {...about} value={value === true ? 'yes' : value === false ? 'no' : ''} onChange={(event) => onChange(event.target.value === '' ? undefined : event.target.value === 'yes')}>
          <option value="">{t.notSaid}</option>
          <option value="yes">{t.yes}</option>
          <option value="no">{t.no}</option>
        </SelectField>
      )
  }
}

/** Corrects a validated report by another version. */
export function Addendum({ id, onDone }: { id: string; onDone: () => void }) {
  const { t } = useWords()
  const tell = useToast()
  const [text, setText] = useState('')
  const key = useRef({ text: '', key: '' })
  const action = usePresentAction()
  const send = (): void => {
    if (key.current.text !== text) key.current = { text, key: crypto.randomUUID() }
    void action.run(async () => {
      await form.addendum(id, text.trim(), key.current.key)
      setText('')
      tell(t.addendumDone)
      onDone()
    })
  }
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault()
    send()
  }
  return (
    <details className="pro-more">
      <summary>{t.addendum}</summary>
      <form className="pro-stack" onSubmit={submit}>
        <TextArea label={t.addendumText} required value={text} onChange={(event) => setText(event.target.value)} />
        <ProblemNotice problem={action.problem} />
        <Button icon={<PenIcon />} type="submit" busy={action.busy}>{t.addendum}</Button>
      </form>
      {action.question}
    </details>
  )
}
