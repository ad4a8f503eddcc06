import { useWords as useCallWords } from '../../i18n/call'
import { useCommon } from '../../i18n/common'
import { TextSize, ThemeChoice } from '../../ui/DisplayMenu'
import { Dialog } from '../../ui/Dialog'
import { Button } from '../../ui/Button'
import { ArrowIcon, CaptionsIcon } from '../../ui/icons'
import { Documents } from '../handed/Documents'
import type { Handed } from '../handed/useHanded'
import { HelpText } from '../Help'
import type { Visit } from '../useVisit'
import { usePatientWords } from '../words'

interface MoreProps {
  visit: Visit
  handed: Handed
  phone: string | undefined
  captionsShown: boolean
  /** Absent: nobody sends captions into this call. */
  onCaptions: (() => void) | undefined
  onClose: () => void
}

/** Everything of the call that is not one of its buttons. */
export function More({ visit, handed, phone, captionsShown, onCaptions, onClose }: MoreProps) {
  const { t } = usePatientWords()
  const { t: common } = useCommon()
  const { t: call } = useCallWords()
  return (
    <Dialog title={t.moreLabel} onClose={onClose} actions={<Button icon={<ArrowIcon />} onClick={onClose}>{t.backToCall}</Button>}>
      {handed.possible && <Documents api={visit.api} handed={handed} zone={visit.facts.guest.zone} />}
      <section className="handed" aria-labelledby="more-display">
        <h3 id="more-display">{common.display}</h3>
        <div className="more-display">
          <span>{common.textSize}</span>
          <TextSize />
        </div>
        {onCaptions !== undefined && (
          <Button icon={<CaptionsIcon />} kind="quiet" data-test="captions-toggle" onClick={onCaptions}>
            {captionsShown ? call.captionsHide : call.captionsShow}
          </Button>
        )}
        <ThemeChoice />
      </section>
      <section className="handed" aria-labelledby="more-help">
        <h3 id="more-help">{t.helpTitle}</h3>
        <HelpText phone={phone} />
      </section>
    </Dialog>
  )
}
