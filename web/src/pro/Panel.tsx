import { useState } from 'react'
import { useFileDrop } from '../call/hooks'
import type { CallSession } from '../call/session'
import { useWords as useDeskWords } from '../i18n/desk'
import { useWords as useDocumentWords } from '../i18n/deskDocuments'
import { useWords as usePaymentWords } from '../i18n/payment'
import { useWords } from '../i18n/pro'
import { Tabs, type Tab } from '../ui/Tabs'
import { useDesk } from './desk'
import { DocumentsPanel } from './documents/DocumentsPanel'
import { isToCheck } from './documents/state'
import { FormPanel } from './FormPanel'
import { PaymentPanel } from './payment/PaymentPanel'
import { People } from './People'
import { QualityPanel } from './QualityPanel'
import { UpgradeButton } from './Upgrade'

type Name = 'people' | 'documents' | 'form' | 'payment' | 'quality'

/** Beside the call, and before it: who is there, and what belongs to the consultation. */
export function Panel({ inRoom, session }: { inRoom: boolean; session?: CallSession }) {
  const { t } = useWords()
  const { t: documentWords } = useDocumentWords()
  const { t: paymentWords } = usePaymentWords()
  const { t: deskWords } = useDeskWords()
  const { consultation, own, documents, reload } = useDesk()
  const [tab, setTab] = useState<Name>('people')
  // Outside of the tab: another tab in between loses no chosen file.
  const [files, setFiles] = useState<readonly File[]>([])
  const { capabilities: can, kind } = consultation
  const waiting = consultation.participants.filter((person) => person.state === 'waiting').length
  const maySend = can.includes('send_document')
  const dropping = useFileDrop((dropped) => {
    if (!maySend) return
    setFiles((before) => [...before, ...dropped])
    setTab('documents')
  })
  const tabs: Tab<Name>[] = [
    { name: 'people', label: t.panelPeople, news: waiting },
    { name: 'documents', label: documentWords.title, news: (documents.value ?? []).filter(isToCheck).length },
    ...(own && can.includes('form') ? [{ name: 'form' as const, label: t.panelForm }] : []),
    ...(own && kind === 'dossier' ? [{ name: 'payment' as const, label: paymentWords.title }] : []),
    ...(session === undefined ? [] : [{ name: 'quality' as const, label: deskWords.quality }]),
  ]
  const chosen = tabs.some(({ name }) => name === tab) ? tab : 'people'
  return (
    <>
      <Tabs label={t.panel} tabs={tabs} chosen={chosen} onChoose={setTab}>
        {chosen === 'people' && (
          <div className="pro-stack">
            <People consultation={consultation} inRoom={inRoom} onChanged={reload} />
            {inRoom && can.includes('upgrade_to_dossier') && <UpgradeButton />}
          </div>
        )}
        {chosen === 'documents' && <DocumentsPanel files={files} onFiles={setFiles} />}
        {chosen === 'form' && <FormPanel id={consultation.id} mayValidate={consultation.status === 'ended'} onValidated={reload} />}
        {chosen === 'payment' && <PaymentPanel />}
        {chosen === 'quality' && session !== undefined && <QualityPanel session={session} />}
      </Tabs>
      {dropping && maySend && <p className="drop">{documentWords.dropNow}</p>}
    </>
  )
}
