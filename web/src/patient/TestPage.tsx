import '../styles/patient.css'
import { usePreview } from '../media/usePreview'
import { Button } from '../ui/Button'
import { CameraIcon } from '../ui/icons'
import { Devices } from './DeviceCheck'
import { Frame } from './Frame'
import { systemOf, thisGate } from './gate'
import { NetworkResult } from './network/NetworkResult'
import { useNetwork } from './network/useNetwork'
import { usePatientWords } from './words'

/** `/test`: camera, microphone and loudspeaker, any time, without a link. */
export default function TestPage() {
  const { t } = usePatientWords()
  const gate = thisGate()
  if (gate === 'fine') return <Try />
  const words = { old: t.gateOld, insecure: t.gateInsecure, webview: t.gateWebview(systemOf(navigator.userAgent) === 'ios' ? 'Safari' : 'Chrome') }[gate]
  return (
    <Frame screen="test" title={t.testTitle}>
      <p>{words}</p>
    </Frame>
  )
}

function Try() {
  const { t } = usePatientWords()
  const preview = usePreview()
  const network = useNetwork()
  // A screen that goes away by itself must not be seen.
  if (preview.state === 'unknown') return null
  return (
    <Frame screen="test" title={t.testTitle}>
      {preview.state === 'idle' ? (
        <>
          <p>{t.testText}</p>
          <p>
            {t.permission} {t.permissionTouch}
          </p>
          <Button icon={<CameraIcon />} data-test="allow" onClick={preview.start}>
            {t.testAllow}
          </Button>
        </>
      ) : (
        <Devices preview={preview}>
          <NetworkResult network={network} phone={undefined} />
        </Devices>
      )}
    </Frame>
  )
}
