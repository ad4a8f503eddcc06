import { sizeText, useWords } from '../i18n/call'
import { CloseIcon, SaveIcon } from '../ui/icons'
import { FILE_BYTES_MAX, type Transfer } from './transfers'

/** One file, in the call's panel and on the ended screen. */
export function TransferItem({ transfer, onCancel }: { transfer: Transfer; onCancel?: (id: string) => void }) {
  const { t, language } = useWords()
  const { name, size, moved, state, direction } = transfer
  const percent = size === undefined || size === 0 ? 0 : Math.min(100, Math.floor((moved / size) * 100))
  const words: Record<Transfer['state'], string> = {
    moving: direction === 'out' ? t.filesSending(percent) : t.filesReceiving(percent),
    done: direction === 'out' ? t.filesSent : t.filesReceived,
    cancelled: t.filesCancelled,
    failed: direction === 'out' ? t.filesNotSent : t.filesBroken,
    'too-big': t.filesTooBig(sizeText(FILE_BYTES_MAX, language)),
  }
  return (
    <li className="transfer" data-state={state} data-direction={direction}>
      <p className="transfer-name">{name}</p>
      <p className="transfer-about">
        {transfer.from === undefined ? t.filesToAll : t.filesFrom(transfer.from)}
        {size !== undefined && ` · ${sizeText(size, language)}`}
      </p>
      {state === 'moving' && <progress max={100} value={percent} aria-label={t.filesProgress(name)} />}
      <div className="transfer-end">
        <span className={state === 'failed' || state === 'too-big' ? 'transfer-bad' : ''}>{words[state]}</span>
        {state === 'moving' && onCancel && (
          <button
            type="button"
            className="button button-small"
            aria-label={t.filesCancelNamed(name)}
            onClick={() => onCancel(transfer.id)}
          >
            <CloseIcon />
            {t.filesCancel}
          </button>
        )}
        {transfer.url !== undefined && (
          <a
            className="button button-small button-save"
            href={transfer.url}
            download={name}
            aria-label={t.filesSaveNamed(name)}
          >
            <SaveIcon />
            {t.filesSave}
          </a>
        )}
      </div>
    </li>
  )
}
