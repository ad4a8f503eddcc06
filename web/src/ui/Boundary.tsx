import { Component, type ReactNode } from 'react'
import { useCommon } from '../i18n/common'
import { Button } from './Button'
import { RetryIcon } from './icons'
import { Notice } from './Notice'

/** Instead of a blank page when a part cannot be fetched or breaks. */
export class Boundary extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false }
  static getDerivedStateFromError = () => ({ broken: true })
  override render(): ReactNode {
    return this.state.broken ? <Broken /> : this.props.children
  }
}

function Broken() {
  const { t } = useCommon()
  return (
    <div className="card broken">
      <Notice kind="bad">{t.failed}</Notice>
      <Button icon={<RetryIcon />} onClick={() => location.reload()}>{t.reload}</Button>
    </div>
  )
}
