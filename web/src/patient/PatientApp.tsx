import { useState } from 'react'
import '../styles/patient.css'
import { Toasts } from '../ui/Toasts'
import { takenOver } from './handover'
import { Inside } from './Inside'
import { useVisit } from './useVisit'

/** The patient's way after the first tap (before it: `landing/`). */
export default function PatientApp() {
  const [{ door, guest }] = useState(takenOver)
  const visit = useVisit(door, guest)
  return (
    <Toasts>
      <Inside visit={visit} />
    </Toasts>
  )
}
