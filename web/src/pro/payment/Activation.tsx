import { useState } from 'react'
import { newKey } from '../../api/client'
import { activation as api, type Activation } from '../../api/payments'
import { useAction, useLoad } from '../../api/useAction'
import { useWords } from '../../i18n/payment'
import { Button } from '../../ui/Button'
import { CardIcon } from '../../ui/icons'
import { Card } from '../../ui/Card'
import { Notice } from '../../ui/Notice'
import { Spinner } from '../../ui/Progress'
import { useToast } from '../../ui/Toasts'
import { dayOf } from '../format'
import { ProblemNotice } from '../parts'

/** Where online payment stands, and the button that asks for it. */
export function ActivationState({ activation, onAsked }: { activation: Activation; onAsked: () => void }) {
  const { language, t } = useWords()
  const tell = useToast()
  const [key, setKey] = useState(newKey)
  const action = useAction()
  const { available, status } = activation
  if (!available) return <p>{t.notAvailable}</p>
  const may = status === undefined || status === null || status === 'disabled'
  return (
    <div className="pro-stack">
      {status !== undefined && status !== null && (
        <Notice kind={status === 'enabled' ? 'good' : 'info'}>
          <p>{t.activationStates[status]}</p>
          {status === 'enabled' && activation.enabled_at !== undefined && activation.enabled_at !== null && <p>{t.activationSince(dayOf(activation.enabled_at, language))}</p>}
        </Notice>
      )}
      {may && <p>{t.activationText}</p>}
      <ProblemNotice problem={action.problem} />
      {may && (
        <div className="pro-row">
          <Button icon={<CardIcon />} busy={action.busy} onClick={() => void action.run(async () => {
            await api.ask(key)
            setKey(newKey())
            tell(t.activationAsked)
            onAsked()
          })}>
            {t.activate}
          </Button>
        </div>
      )}
    </div>
  )
}

/** Online payment, in the account. */
export function ActivationCard() {
  const { t } = useWords()
  const mine = useLoad('activation', api.get)
  return (
    <Card wide title={t.activation}>
      <ProblemNotice problem={mine.problem} />
      {mine.value === undefined ? mine.problem === undefined && <Spinner /> : <ActivationState activation={mine.value} onAsked={mine.reload} />}
    </Card>
  )
}
