import { useState } from 'react'
import { documents as api, type DocumentBody, type Visibility } from '../../api/documents'
import { useWords } from '../../i18n/deskDocuments'
import { Notice } from '../../ui/Notice'
import { Spinner } from '../../ui/Progress'
import { useDesk } from '../desk'
import { ProblemNotice, saveFile } from '../parts'
import { SignDialog } from '../signature/SignDialog'
import { UpgradeButton } from '../Upgrade'
import { AddDocuments } from './AddDocuments'
import { DocumentRow } from './DocumentRow'
import { isToCheck, listed } from './state'
import { UploadList, useUploads } from './UploadList'
import { Viewer } from './Viewer'

interface PanelProps {
  /** Chosen or dropped, not yet sent: kept outside, so that another tab loses nothing. */
  files: readonly File[]
  onFiles: (files: readonly File[]) => void
}

/** What was handed over in this consultation, and handing over more. */
export function DocumentsPanel({ files, onFiles }: PanelProps) {
  const { t } = useWords()
  const { consultation, documents } = useDesk()
  const { uploads, items } = useUploads(consultation.id)
  const [viewed, setViewed] = useState<DocumentBody>()
  const [signing, setSigning] = useState<{ document: DocumentBody; visibility?: Visibility[] }>()
  const { id, kind, status, capabilities: can } = consultation
  if (kind === 'immediate') {
    return (
      <div className="pro-stack">
        <Notice>{t.noFile}</Notice>
        {can.includes('upgrade_to_dossier') && <UpgradeButton />}
      </div>
    )
  }
  const underWay = new Set(items.flatMap(({ step, document }) => (document !== undefined && step !== 'done' ? [document.id] : [])))
  const all = listed(documents.value ?? [], underWay)
  const tray = all.filter(isToCheck)
  const rest = all.filter((document) => !isToCheck(document))
  const row = (document: DocumentBody) => <DocumentRow key={document.id} document={document} onView={setViewed} onSign={(each) => setSigning({ document: each })} />
  return (
    <div className="pro-stack">
      <ProblemNotice problem={documents.problem} />
      {tray.length > 0 && (
        <section className="doc-tray">
          <h2>{t.toVerify}</h2>
          <p className="doc-about">{t.toVerifyHint}</p>
          <ul className="doc-list">{tray.map(row)}</ul>
        </section>
      )}
      {can.includes('send_document') ? (
        <AddDocuments files={files} onFiles={onFiles} onSign={(document, visibility) => setSigning({ document, visibility })} />
      ) : (
        <p>{status === 'scheduled' ? t.early : t.closed}</p>
      )}
      <UploadList uploads={uploads} items={items} />
      <section>
        <h2>{t.all}</h2>
        {documents.value === undefined && documents.problem === undefined && <Spinner />}
        {documents.value !== undefined && rest.length === 0 && <p className="doc-about">{t.none}</p>}
        <ul className="doc-list">{rest.map(row)}</ul>
      </section>
      {viewed !== undefined && (
        <Viewer
          viewed={{
            name: viewed.name,
            mime: viewed.mime,
            load: async () => (await api.content(id, viewed.id)).blob,
            save: () => saveFile(api.savePath(id, viewed.id)),
            warning: viewed.warnings.map((warning) => t.warnings[warning]).find((text) => text !== undefined),
          }}
          onClose={() => {
            setViewed(undefined)
            documents.reload()
          }}
        />
      )}
      {signing !== undefined && (
        <SignDialog document={signing.document} visibility={signing.visibility} onClose={() => setSigning(undefined)} />
      )}
    </div>
  )
}
