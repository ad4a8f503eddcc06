import { useWords } from '../i18n/pro'
import { CheckField } from '../ui/Field'
import { useToast } from '../ui/Toasts'
import { ring } from './ring'
import { useWaiting } from './waiting'

/** How this device tells that somebody waits. */
export function AlertChoice() {
  const { t } = useWords()
  const tell = useToast()
  const { alerts, setAlerts } = useWaiting()
  const notify = async (on: boolean): Promise<void> => {
    if (!on) {
      setAlerts({ ...alerts, notify: false })
      return
    }
    const granted = 'Notification' in window && (await Notification.requestPermission()) === 'granted'
    setAlerts({ ...alerts, notify: granted })
    if (!granted) tell(t.notifyRefused)
  }
  return (
    <fieldset className="pro-set">
      <legend>{t.alerts}</legend>
      <CheckField label={t.alertSound} checked={alerts.sound} onChange={(event) => {
        setAlerts({ ...alerts, sound: event.target.checked })
        if (event.target.checked) ring()
      }} />
      <CheckField label={t.alertNotify} checked={alerts.notify} onChange={(event) => void notify(event.target.checked)} />
    </fieldset>
  )
}
