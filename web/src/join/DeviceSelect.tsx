import { useId } from 'react'

interface DeviceSelectProps {
  label: string
  none: string
  devices: MediaDeviceInfo[]
  /** Device in use; `null` when the person wants none. */
  value: string | null
  nameless: (n: number) => string
  onChange: (device: string | null) => void
}

export function DeviceSelect({ label, none, devices, value, nameless, onChange }: DeviceSelectProps) {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value ?? ''} onChange={(event) => onChange(event.target.value || null)}>
        {devices.map((device, index) => (
          <option key={device.deviceId} value={device.deviceId}>
            {device.label || nameless(index + 1)}
          </option>
        ))}
        <option value="">{none}</option>
      </select>
    </div>
  )
}
