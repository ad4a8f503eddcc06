import { useId, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes } from 'react'
import { useCommon } from '../i18n/common'

interface About {
  label: string
  hint?: ReactNode
  /** Why the answer was refused. */
  error?: string | undefined
  /** Said beside the label. */
  optional?: boolean
}

/** What ties a control to its label, hint and error. */
interface Tied {
  id: string
  'aria-describedby': string | undefined
  'aria-invalid': true | undefined
}

/** A label, a control and what is said about it. `children` gets what ties them together. */
export function Field({ label, hint, error, optional = false, children }: About & { children: (tied: Tied) => ReactNode }) {
  const { t } = useCommon()
  const id = useId()
  const [hintId, errorId] = [`${id}hint`, `${id}error`]
  const described = [hint !== undefined && hintId, error !== undefined && errorId].filter(Boolean).join(' ')
  return (
    <div className="field">
      <label htmlFor={id}>
        {label}
        {optional && <span className="field-optional"> ({t.optional})</span>}
      </label>
      {hint !== undefined && (
        <p id={hintId} className="field-hint">
          {hint}
        </p>
      )}
      {children({ id, 'aria-describedby': described === '' ? undefined : described, 'aria-invalid': error === undefined ? undefined : true })}
      {error !== undefined && (
        <p id={errorId} className="field-error">
          {error}
        </p>
      )}
    </div>
  )
}

export function TextField({ label, hint, error, optional, ...input }: About & InputHTMLAttributes<HTMLInputElement>) {
  return (
    <Field label={label} hint={hint} error={error} optional={optional}>
      {(tied) => <input type="text" {...input} {...tied} />}
    </Field>
  )
}

export function TextArea({ label, hint, error, optional, ...area }: About & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return (
    <Field label={label} hint={hint} error={error} optional={optional}>
      {(tied) => <textarea rows={4} {...area} {...tied} />}
    </Field>
  )
}

export function SelectField({ label, hint, error, optional, ...select }: About & SelectHTMLAttributes<HTMLSelectElement>) {
  return (
    <Field label={label} hint={hint} error={error} optional={optional}>
      {(tied) => <select {...select} {...tied} />}
    </Field>
  )
}

/** A box to tick, its words beside it. */
export function CheckField({ label, hint, error, ...input }: Omit<About, 'optional'> & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId()
  const [hintId, errorId] = [`${id}hint`, `${id}error`]
  const described = [hint !== undefined && hintId, error !== undefined && errorId].filter(Boolean).join(' ')
  return (
    <div className="field field-check">
      <label>
        <input type="checkbox" aria-describedby={described || undefined} aria-invalid={error === undefined ? undefined : true} {...input} />
        <span>{label}</span>
      </label>
      {hint !== undefined && <p id={hintId} className="field-hint">{hint}</p>}
      {error !== undefined && <p id={errorId} className="field-error">{error}</p>}
    </div>
  )
}
