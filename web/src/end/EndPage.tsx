import { useEffect, useRef, type ReactNode } from 'react'
import { TransferItem } from '../call/TransferItem'
import type { Transfer } from '../call/transfers'
import type { EndReason } from '../errors'
import { useWords, type PlainText } from '../i18n/call'
import type { LinkProblem } from '../link'
import { Button } from '../ui/Button'
import { RetryIcon } from '../ui/icons'
import { Page } from '../ui/Page'

const ENDS: Record<EndReason, [title: PlainText, text: PlainText]> = {
  left: ['endLeftTitle', 'endLeft'],
  finished: ['endFinishedTitle', 'endFinished'],
  removed: ['endRemovedTitle', 'endRemoved'],
  elsewhere: ['endElsewhereTitle', 'endElsewhere'],
  lost: ['endLostTitle', 'endLost'],
}
const BEFORE: Record<LinkProblem | 'old-browser', [title: PlainText, text: PlainText]> = {
  missing: ['linkMissingTitle', 'linkMissing'],
  broken: ['linkBrokenTitle', 'linkBroken'],
  expired: ['linkExpiredTitle', 'linkExpired'],
  'old-browser': ['oldBrowserTitle', 'errorOldBrowser'],
}
/** After these the same link leads back into the call. */
const MAY_RETURN: readonly EndReason[] = ['left', 'lost', 'elsewhere']

interface EndPageProps {
  reason: EndReason
  /** Files received in the call: they stay within reach until the page is closed. */
  received: readonly Transfer[]
  onReturn: () => void
}

export function EndPage({ reason, received, onReturn }: EndPageProps) {
  const { t } = useWords()
  return (
    <Card words={ENDS[reason]}>
      {received.length > 0 && (
        <section className="end-files">
          <h2>{t.filesTitle}</h2>
          <ul className="transfers">
            {received.map((transfer) => (
              <TransferItem key={transfer.id} transfer={transfer} />
            ))}
          </ul>
        </section>
      )}
      {MAY_RETURN.includes(reason) && (
        <Button icon={<RetryIcon />} data-test="return" onClick={onReturn}>
          {t.endReturn}
        </Button>
      )}
    </Card>
  )
}

/** Instead of the join page when there is no way in. */
export function NoWayInPage({ problem }: { problem: LinkProblem | 'old-browser' }) {
  return <Card words={BEFORE[problem]} />
}


function Card({ words: [title, text], children }: { words: [PlainText, PlainText]; children?: ReactNode }) {
  const { t } = useWords()
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [])
  return (
    <Page topic={t[title]}>
      <div className="card">
        <h1 ref={heading} tabIndex={-1}>
          {t[title]}
        </h1>
        <p>{t[text]}</p>
        {children}
      </div>
    </Page>
  )
}
