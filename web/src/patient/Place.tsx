import { useState, type SyntheticEvent } from 'react'
import { Button } from '../ui/Button'
import { TextField } from '../ui/Field'
import { ArrowIcon } from '../ui/icons'
import { Failed } from './Failed'
import { Frame } from './Frame'
import type { Visit } from './useVisit'
import { usePatientWords } from './words'

/** Refusals that are about the number. */
const NUMBER = ['phone-not-mobile', 'phone-country-not-allowed']

export function Place({ visit, phone }: { visit: Visit; phone: string | undefined }) {
  const { t } = usePatientWords()
  const [place, setPlace] = useState('')
  const [number, setNumber] = useState(visit.facts.guest.callback_suggested ?? '')
  const code = visit.failure?.code ?? ''
  const refused = code === 'validation-failed'
  const skip = (): void => visit.mark({ placed: true })
  const send = (event: SyntheticEvent): void => {
    event.preventDefault()
    if (place.trim() === '' && number.trim() === '') {
      skip()
      return
    }
    void visit.act(() => visit.api.location(place.trim(), number.trim())).then((done) => {
      if (done) skip()
    })
  }
  return (
    <Frame screen="place" title={t.placeTitle} phone={phone}>
      <p>{t.placeWhy}</p>
      <form className="patient" noValidate onSubmit={send}>
        <TextField
          label={t.placeField}
          autoComplete="street-address"
          maxLength={120}
          value={place}
          error={refused && number.trim() === '' ? t.placeBad : undefined}
          onChange={(event) => setPlace(event.target.value)}
        />
        <TextField
          label={t.callbackField}
          hint={t.callbackHint}
          type="tel"
          autoComplete="tel"
          maxLength={24}
          value={number}
          error={NUMBER.includes(code) || (refused && number.trim() !== '') ? t.callbackBad : undefined}
          onChange={(event) => setNumber(event.target.value)}
        />
        <Failed visit={visit} except={[...NUMBER, 'validation-failed']} />
        <Button type="submit" icon={<ArrowIcon />} busy={visit.busy} data-test="place">
          {t.goOn}
        </Button>
        <Button icon={<ArrowIcon />} kind="quiet" data-test="skip-place" onClick={skip}>
          {t.placeSkip}
        </Button>
      </form>
    </Frame>
  )
}
