import { useCommon } from '../i18n/common'
import { HelpIcon } from './icons'

/** Opens beside the page that it is about, which may hold a call, or what nobody saved yet. */
export function HelpLink({ href = '/aide', className = 'help' }: { href?: string; className?: string }) {
  const { t } = useCommon()
  return (
    <a className={className} href={href} target="_blank" rel="noopener">
      <HelpIcon />
      {t.help}
      <span className="unseen"> ({t.newTab})</span>
    </a>
  )
}
