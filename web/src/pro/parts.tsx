import type { ReactNode } from 'react'
import { ApiError, requestFile } from '../api/client'
import { useWords, type Catalogue } from '../i18n/pro'
import { Button } from '../ui/Button'
import { Notice } from '../ui/Notice'
import { CopyIcon } from '../ui/icons'
import { useToast } from '../ui/Toasts'
import { embedded, go } from './router'

/** What a refusal says to the professional. */
export function problemText(problem: ApiError, t: Catalogue): string {
  if (problem.code === 'network') return t.networkFailed
  const said = problem.message === '' ? t.unknownFailed : problem.message
  return problem.retryAfter === undefined ? said : `${said} ${t.waitSeconds(problem.retryAfter)}`
}

export function ProblemNotice({ problem }: { problem: ApiError | undefined }) {
  const { t } = useWords()
  if (problem === undefined) return null
  return (
    <Notice kind="bad">
      <p>{problemText(problem, t)}</p>
      {problem.status >= 500 && problem.correlation !== undefined && <p>{t.reference(problem.correlation)}</p>}
    </Notice>
  )
}

/** The words for a refused field, for the `error` of its control. */
export function useFieldError(problem: ApiError | undefined): (pointer: string) => string | undefined {
  const { t } = useWords()
  return (pointer) => {
    const code = problem?.field(pointer)
    return code === undefined ? undefined : (t.fieldProblems[code] ?? t.fieldOther)
  }
}

/** A link inside these pages. */
export function To({ path, className, current = false, label, children }: { path: string; className?: string; current?: boolean; label?: string; children: ReactNode }) {
  if (embedded()) return null
  return (
    <a
      href={path}
      className={className}
      aria-label={label}
      aria-current={current ? 'page' : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return
        event.preventDefault()
        go(path)
      }}
    >
      {children}
    </a>
  )
}

export function CopyButton({ text, label, word }: { text: string; label?: string; word?: string }) {
  const { t } = useWords()
  const tell = useToast()
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text)
      tell(t.copied)
    } catch {
      tell(t.copyFailed)
    }
  }
  return (
    <Button kind="quiet" className="button-small" icon={<CopyIcon />} aria-label={label} onClick={() => void copy()}>
      {word ?? t.copy}
    </Button>
  )
}

/** A browser needs the address for a moment after the click. */
const KEEP_MS = 60_000

export async function saveFile(path: string): Promise<void> {
  const { blob, name } = await requestFile(path)
  const url = URL.createObjectURL(blob)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), KEEP_MS)
}
