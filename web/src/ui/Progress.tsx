import { useCommon } from '../i18n/common'

/** Something is under way; the words say what. */
export function Spinner({ children }: { children?: string | undefined }) {
  const { t } = useCommon()
  return (
    <p className="spinning" role="status">
      <span className="spinner" aria-hidden="true" />
      {children ?? t.working}
    </p>
  )
}

/** The same where it is all there is of the page. */
export function PageSpinner({ children }: { children?: string }) {
  return (
    <div className="spinning-page">
      <Spinner>{children}</Spinner>
    </div>
  )
}

/** How far it is, 0 to 1. */
export function Progress({ label, share }: { label: string; share: number }) {
  return (
    <div className="progress">
      <span aria-hidden="true">{label}</span>
      <progress aria-label={label} max={1} value={Math.min(1, Math.max(0, share))} />
    </div>
  )
}
