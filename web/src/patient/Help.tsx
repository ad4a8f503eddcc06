import { createContext, useContext, useState } from 'react'
import { Button } from '../ui/Button'
import { Notice } from '../ui/Notice'
import { SendIcon } from '../ui/icons'
import { Phone } from './Phone'
import { usePatientWords } from './words'

/** What help can do on this page, besides its words. */
interface HelpMeans {
  /** When somebody answers the telephone. */
  hours: string | undefined
  /** Sends a diagnostic without names or texts; the answer is the code to be told on the telephone. */
  send: (() => Promise<string>) | undefined
}

export const HelpContext = createContext<HelpMeans>({ hours: undefined, send: undefined })

/** The same words wherever help is asked for. */
export function HelpText({ phone }: { phone: string | undefined }) {
  const { t } = usePatientWords()
  const { hours, send } = useContext(HelpContext)
  return (
    <>
      <p>{t.helpText}</p>
      <p>{t.helpTrouble}</p>
      {phone !== undefined && (
        <>
          <p>{t.callPractice}</p>
          <Phone number={phone} />
        </>
      )}
      {hours !== undefined && <p>{hours}</p>}
      {send !== undefined && <Diagnostic send={send} />}
      <p>{t.helpUrgent}</p>
    </>
  )
}

function Diagnostic({ send }: { send: () => Promise<string> }) {
  const { t } = usePatientWords()
  const [state, setState] = useState<'idle' | 'busy' | 'failed' | { code: string }>('idle')
  if (typeof state === 'object') {
    return (
      <Notice kind="good">
        <p>{t.supportCode}</p>
        <strong className="support-code" data-test="support-code">
          {state.code}
        </strong>
      </Notice>
    )
  }
  return (
    <>
      <p>{t.supportWhat}</p>
      {state === 'failed' && <Notice kind="bad">{t.supportFailed}</Notice>}
      <Button
        kind="quiet"
        icon={<SendIcon />}
        busy={state === 'busy'}
        data-test="send-diagnostic"
        onClick={() => {
          setState('busy')
          send().then(
            (code) => setState({ code }),
            () => setState('failed'),
          )
        }}
      >
        {t.supportSend}
      </Button>
    </>
  )
}
