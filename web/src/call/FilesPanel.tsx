import { useEffect, useRef } from 'react'
import { useWords } from '../i18n/call'
import { CloseIcon, SendIcon } from '../ui/icons'
import type { CallSession, CallView } from './session'
import { TransferItem } from './TransferItem'

interface FilesPanelProps {
  session: CallSession
  view: CallView
  onClose: () => void
}

export function FilesPanel({ session, view, onClose }: FilesPanelProps) {
  const { t } = useWords()
  const input = useRef<HTMLInputElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [])
  return (
    <aside className="files" id="files" aria-labelledby="files-title">
      <header className="files-top">
        <h2 id="files-title" ref={heading} tabIndex={-1}>
          {t.filesTitle}
        </h2>
        <button type="button" className="button button-round" aria-label={t.filesClose} onClick={onClose}>
          <CloseIcon />
        </button>
      </header>
      <button
        type="button"
        className="button button-main"
        disabled={!view.maySendFiles}
        onClick={() => input.current?.click()}
      >
        <SendIcon />
        {t.filesSend}
      </button>
      <input
        ref={input}
        className="files-input"
        type="file"
        multiple
        tabIndex={-1}
        aria-label={t.filesSend}
        onChange={(event) => {
          session.sendFiles(event.target.files ?? [])
          // The same file may be chosen again.
          event.target.value = ''
        }}
      />
      {!view.maySendFiles && <p className="files-hint">{t.filesNobody}</p>}
      {view.transfers.length === 0 ? (
        <p className="files-hint">{t.filesEmpty}</p>
      ) : (
        <ul className="transfers">
          {view.transfers.map((transfer) => (
            <TransferItem key={transfer.id} transfer={transfer} onCancel={(id) => session.transfers.cancel(id)} />
          ))}
        </ul>
      )}
    </aside>
  )
}
