import { PhoneIcon } from '../ui/icons'

export function Phone({ number }: { number: string }) {
  return (
    <a className="patient-phone" href={`tel:${number.replace(/[^\d+]/g, '')}`}>
      <PhoneIcon />
      {' '}
      {number}
    </a>
  )
}
