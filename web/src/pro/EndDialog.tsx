import { consultations } from '../api/clinic'
import { useAction } from '../api/useAction'
import { useWords } from '../i18n/pro'
import { Button } from '../ui/Button'
import { LogOutIcon, UndoIcon } from '../ui/deskIcons'
import { Dialog } from '../ui/Dialog'
import { ProblemNotice } from './parts'

export function EndDialog({ id, onClose, onEnded }: { id: string; onClose: () => void; onEnded: () => void }) {
  const { t } = useWords()
  const action = useAction()
  return (
    <Dialog title={t.endTitle} onClose={onClose} actions={
      <>
        <Button icon={<UndoIcon />} kind="quiet" onClick={onClose}>{t.stay}</Button>
        <Button icon={<LogOutIcon />} kind="danger" busy={action.busy} onClick={() => void action.run(async () => {
          await consultations.end(id)
          onEnded()
        })}>
          {t.endForAll}
        </Button>
      </>
    }>
      <p>{t.endText}</p>
      <ProblemNotice problem={action.problem} />
    </Dialog>
  )
}
