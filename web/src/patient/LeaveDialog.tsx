import { Button } from '../ui/Button'
import { UndoIcon } from '../ui/deskIcons'
import { Dialog } from '../ui/Dialog'
import { LeaveIcon } from '../ui/icons'
import { usePatientWords } from './words'

export function LeaveDialog({ onStay, onLeave }: { onStay: () => void; onLeave: () => void }) {
  const { t } = usePatientWords()
  return (
    <Dialog
      title={t.leaveTitle}
      onClose={onStay}
      actions={
        <>
          <Button icon={<UndoIcon />} kind="quiet" onClick={onStay}>
            {t.stay}
          </Button>
          <Button kind="danger" icon={<LeaveIcon />} data-test="leave-yes" onClick={onLeave}>
            {t.leave}
          </Button>
        </>
      }
    >
      <p>{t.leaveText}</p>
    </Dialog>
  )
}
