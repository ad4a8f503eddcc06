import { useId, useState, type SyntheticEvent } from 'react'
import { consultations } from '../api/clinic'
import { useAction } from '../api/useAction'
import { useWords } from '../i18n/pro'
import { Button } from '../ui/Button'
import { PlusIcon } from '../ui/deskIcons'
import { CloseIcon } from '../ui/icons'
import { Dialog } from '../ui/Dialog'
import { Notice } from '../ui/Notice'
import { useToast } from '../ui/Toasts'
import { NOBODY, PatientFields, patientInput } from './Appointment'
import { useDesk } from './desk'
import { ProblemNotice, useFieldError } from './parts'

/** Makes a consultation with a file of an immediate call, before, during and shortly after it. */
export function UpgradeButton() {
  const { t } = useWords()
  const [asking, setAsking] = useState(false)
  return (
    <>
      <Button icon={<PlusIcon />} kind="quiet" onClick={() => setAsking(true)}>{t.upgrade}</Button>
      {asking && <UpgradeDialog onClose={() => setAsking(false)} />}
    </>
  )
}

function UpgradeDialog({ onClose }: { onClose: () => void }) {
  const { t } = useWords()
  const { consultation, reload } = useDesk()
  const tell = useToast()
  const form = useId()
  const [typed, setTyped] = useState(NOBODY)
  const action = useAction()
  const error = useFieldError(action.problem)
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault()
    void action.run(async () => {
      const { warnings } = await consultations.upgrade(consultation.id, patientInput(typed))
      tell(warnings.some(({ code }) => code.includes('duplicate')) ? t.warnDuplicate : t.upgraded)
      onClose()
      reload()
    })
  }
  return (
    <Dialog wide title={t.upgrade} onClose={onClose} actions={
      <>
        <Button icon={<CloseIcon />} kind="quiet" onClick={onClose}>{t.cancel}</Button>
        <Button icon={<PlusIcon />} type="submit" form={form} busy={action.busy}>{t.upgrade}</Button>
      </>
    }>
      <form id={form} className="pro-stack" onSubmit={submit}>
        <Notice>{t.upgradeText}</Notice>
        <PatientFields typed={typed} onChange={setTyped} error={error} />
        <ProblemNotice problem={action.problem} />
      </form>
    </Dialog>
  )
}
