import { Button } from '../../ui/Button'
import { Notice } from '../../ui/Notice'
import { Spinner } from '../../ui/Progress'
import { RetryIcon } from '../../ui/icons'
import { Phone } from '../Phone'
import { usePatientWords } from '../words'
import type { Network } from './useNetwork'

/** What the line is good for, and what helps. */
export function NetworkResult({ network, phone }: { network: Network; phone: string | undefined }) {
  const { t } = usePatientWords()
  if (network.state === 'measuring') return <Spinner>{t.networkMeasuring}</Spinner>
  const again = (
    <Button kind="quiet" icon={<RetryIcon />} data-test="network-again" onClick={network.again}>
      {t.networkAgain}
    </Button>
  )
  switch (network.verdict) {
    case undefined:
      return null
    case 'green':
      return <Notice kind="good">{t.networkGood}</Notice>
    case 'orange':
      return (
        <>
          <Notice kind="warn">{t.networkWeak}</Notice>
          {again}
        </>
      )
    case 'red':
      return (
        <>
          <Notice kind="bad">
            <p>{t.networkBad}</p>
            {phone !== undefined && (
              <>
                <p>{t.callPractice}</p>
                <Phone number={phone} />
              </>
            )}
          </Notice>
          {again}
        </>
      )
  }
}
