import { useCommon } from '../i18n/common'

/** Something is under way; the words say what. */
export function Spinner({ children }: { children?: string }) {
  const { t } = useCommon()
  return (
    <p className="spinning" role="status">
      <span className="spinner" aria-hidden="true" />
      {children ?? t.working}
    </p>
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
