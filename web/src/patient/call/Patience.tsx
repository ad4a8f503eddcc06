import { useEffect, useState } from 'react'
import { Spinner } from '../../ui/Progress'
import { Phone } from '../Phone'
import { LONG_MS } from '../retry'
import { usePatientWords } from '../words'

/** What is being done, and after half a minute the telephone: plan B. */
export function Patience({ doing, phone }: { doing: string; phone: string | undefined }) {
  const { t } = usePatientWords()
  const [long, setLong] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), LONG_MS)
    return () => clearTimeout(timer)
  }, [])
  return (
    <>
      <Spinner>{doing}</Spinner>
      {long && <p role="status">{t.lostLong}</p>}
      {long && phone !== undefined && <Phone number={phone} />}
    </>
  )
}
