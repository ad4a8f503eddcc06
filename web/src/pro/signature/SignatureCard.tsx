import { useEffect, useState } from 'react'
import { signatureImage } from '../../api/documents'
import { useAction, useLoad } from '../../api/useAction'
import { useMe } from '../../auth/session'
import { useWords } from '../../i18n/deskDocuments'
import { useWords as useProWords } from '../../i18n/pro'
import { Button } from '../../ui/Button'
import { PenIcon, TrashIcon } from '../../ui/deskIcons'
import { CloseIcon } from '../../ui/icons'
import { Card } from '../../ui/Card'
import { Dialog } from '../../ui/Dialog'
import { useToast } from '../../ui/Toasts'
import { ProblemNotice } from '../parts'
import { SignatureMaker } from './SignatureMaker'

/** The address of a blob for as long as it is shown. */
export function useBlobUrl(blob: Blob | undefined): string | undefined {
  const [url, setUrl] = useState<string>()
  useEffect(() => {
    if (blob === undefined) return undefined
    const made = URL.createObjectURL(blob)
    // eslint-disable-next-line react-hooks/set-state-in-effect -- the address lives as long as this effect
    setUrl(made)
    return () => {
      setUrl(undefined)
      URL.revokeObjectURL(made)
    }
  }, [blob])
  return url
}

/** The stored signature, in the account. */
export function SignatureCard() {
  const { t } = useWords()
  const { t: pro } = useProWords()
  const { me, reload } = useMe()
  const tell = useToast()
  const [round, setRound] = useState(0)
  const [making, setMaking] = useState(false)
  const [asking, setAsking] = useState(false)
  const action = useAction()
  const stored = useLoad(`signature ${me.signature_set} ${round}`, async () => (me.signature_set ? (await signatureImage.get()).blob : undefined))
  const url = useBlobUrl(stored.value)
  const remove = (): void => {
    void action.run(async () => {
      await signatureImage.remove()
      setAsking(false)
      tell(t.signatureDeleted)
      reload()
    })
  }
  return (
    <Card wide title={t.signature}>
      <div className="pro-stack">
        <p>{t.signatureText}</p>
        <ProblemNotice problem={stored.problem} />
        {me.signature_set ? url !== undefined && <img className="sign-paper sign-now" src={url} alt={t.signatureNow} /> : <p>{t.signatureNone}</p>}
        {making ? (
          <SignatureMaker onSaved={() => {
            setMaking(false)
            setRound(round + 1)
          }} />
        ) : (
          <div className="pro-row">
            <Button icon={<PenIcon />} key={me.signature_set ? 'change' : 'make'} kind={me.signature_set ? 'quiet' : 'main'} onClick={() => setMaking(true)}>{me.signature_set ? t.signatureChange : t.signatureMake}</Button>
            {me.signature_set && <Button icon={<TrashIcon />} kind="quiet" onClick={() => setAsking(true)}>{t.signatureDelete}</Button>}
          </div>
        )}
      </div>
      {asking && (
        <Dialog title={t.signatureDeleteTitle} onClose={() => setAsking(false)} actions={
          <>
            <Button icon={<CloseIcon />} kind="quiet" onClick={() => setAsking(false)}>{pro.cancel}</Button>
            <Button icon={<TrashIcon />} kind="danger" busy={action.busy} onClick={remove}>{t.signatureDelete}</Button>
          </>
        }>
          <p>{t.signatureDeleteText}</p>
          <ProblemNotice problem={action.problem} />
        </Dialog>
      )}
    </Card>
  )
}
