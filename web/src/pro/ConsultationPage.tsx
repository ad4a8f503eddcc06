import { lazy, Suspense, useState, type ReactNode } from 'react'
import type { Consultation } from '../api/types'
import type { EndReason } from '../errors'
import { useCommon } from '../i18n/common'
import { useWords as useDeskWords } from '../i18n/desk'
import { useWords as useDocumentWords } from '../i18n/deskDocuments'
import { useWords, type PlainText } from '../i18n/pro'
import { useMe } from '../auth/session'
import { Card } from '../ui/Card'
import { Notice } from '../ui/Notice'
import { PageSpinner, Spinner } from '../ui/Progress'
import { useToast } from '../ui/Toasts'
import { About, isLive } from './About'
import { AfterCall } from './AfterCall'
import { DeskProvider, useDesk, useDeskOf, useNews } from './desk'
import { isToCheck } from './documents/state'
import { Frame } from './Frame'
import { Invitations } from './Invitations'
import { Panel } from './Panel'
import { usePaidText } from './payment/PaymentPanel'
import { whoOf } from './format'
import { ProblemNotice, To } from './parts'
import { paths } from './router'

// The call carries the WebRTC client: fetched when somebody enters.
const Call = lazy(() => import('./Call'))

const LEFT: Record<EndReason, PlainText> = { left: 'leftCall', finished: 'endedCall', removed: 'removedCall', elsewhere: 'elsewhereCall', lost: 'lostCall' }

export function ConsultationPage({ id }: { id: string }) {
  const { t } = useWords()
  const { me } = useMe()
  const { desk, loaded } = useDeskOf(id, me.id)
  if (desk === undefined) {
    return (
      <Frame title={t.listTitle} screen={id}>
        {loaded.problem === undefined ? <Spinner /> : <ProblemNotice problem={loaded.problem} />}
        <To path={paths.list}>{t.toList}</To>
      </Frame>
    )
  }
  return (
    <DeskProvider value={desk}>
      <News />
      <Inside problem={<ProblemNotice problem={loaded.problem} />} />
    </DeskProvider>
  )
}

/** Tells of what came while the eyes are elsewhere. */
function News() {
  const { t } = useDocumentWords()
  const { t: desk } = useDeskWords()
  const { t: words } = useWords()
  const { consultation, documents, payments } = useDesk()
  const tell = useToast()
  const paidText = usePaidText()
  useNews(documents.value, (one) => `${one.id} ${isToCheck(one)}`, (one) => {
    if (isToCheck(one)) tell(t.received(one.name))
  })
  useNews(consultation.participants, (one) => `${one.id} ${one.consent ?? ''}`, (one) => {
    if (one.consent === 'refused') tell(words.refusedBy(one.name === '' ? words.roles[one.role] : one.name))
  })
  useNews(consultation.participants, (one) => `${one.id} ${String(one.picture_suspended)}`, (one) => {
    if (one.picture_suspended === true) tell(desk.missesTold(one.name === '' ? words.roles[one.role] : one.name))
  })
  useNews(payments.value, (one) => `${one.id} ${one.paid_at ?? ''}`, (one) => {
    const text = paidText(one)
    if (text !== undefined) tell(text)
  })
  return null
}

function Inside({ problem }: { problem: ReactNode }) {
  const { t } = useWords()
  const { t: common } = useCommon()
  const { consultation, reload } = useDesk()
  const [calling, setCalling] = useState(false)
  const [left, setLeft] = useState<EndReason>()
  if (calling) {
    return (
      <Suspense fallback={<PageSpinner>{t.callEntering}</PageSpinner>}>
        <Call
          onLeft={(reason) => {
            setCalling(false)
            setLeft(reason)
            reload()
          }}
        />
      </Suspense>
    )
  }
  const { id, status } = consultation
  return (
    <Frame topic={common.product} title={t.consultationWith(whoOf(consultation) ?? t.noName)} screen={id} at={paths.consultation(id)}>
      {problem}
      {left !== undefined && <Notice>{t[consultation.ended_at === undefined || consultation.ended_at === null ? LEFT[left] : 'endedCall']}</Notice>}
      <About onEnter={() => setCalling(true)} />
      {isLive(consultation) && (
        <Card wide title={t.panel}>
          <Panel inRoom={false} />
        </Card>
      )}
      {(consultation.invitations?.length ?? 0) > 0 && isAhead(consultation) && (
        <Card wide title={t.invitationsTitle}>
          <Invitations consultation={consultation} onChanged={reload} />
        </Card>
      )}
      {(status === 'ended' || status === 'validated') && <AfterCall />}
    </Frame>
  )
}

const isAhead = (c: Consultation): boolean => c.status === 'scheduled' || isLive(c)
