import { useLegalWords } from '../i18n/legal'
import { blank } from '../pro/format'
import { Card } from '../ui/Card'
import { TextArea, TextField } from '../ui/Field'
import type { Legal } from '../home/legal'

/** As the pointers of the API name them, below `/legal/`. */
type Field = `publisher/${'name' | 'address' | 'registration'}` | `host/${'name' | 'address'}` | 'dpo_email' | `${'privacy' | 'terms'}/${'fr' | 'en'}`
export type Typed = Record<Field, string>

/** The fields as they stand in the form. */
export const typedOf = ({ publisher, host, dpo_email, privacy, terms }: Legal): Typed => ({
  'publisher/name': publisher.name ?? '', 'publisher/address': publisher.address ?? '', 'publisher/registration': publisher.registration ?? '',
  'host/name': host.name ?? '', 'host/address': host.address ?? '', dpo_email: dpo_email ?? '',
  'privacy/fr': privacy.fr ?? '', 'privacy/en': privacy.en ?? '', 'terms/fr': terms.fr ?? '', 'terms/en': terms.en ?? '',
})

/** Back from the form; an empty field is taken away. */
export function legalOf(typed: Typed): Legal {
  const text = (field: Field): string | null => blank(typed[field]) ?? null
  return {
    publisher: { name: text('publisher/name'), address: text('publisher/address'), registration: text('publisher/registration') },
    host: { name: text('host/name'), address: text('host/address') },
    dpo_email: text('dpo_email'),
    privacy: { fr: text('privacy/fr'), en: text('privacy/en') },
    terms: { fr: text('terms/fr'), en: text('terms/en') },
  }
}

interface LegalFieldsProps {
  typed: Typed
  onChange: (typed: Typed) => void
  error: (pointer: string) => string | undefined
}

/** Who answers for the server, and what is added to its public pages. */
export function LegalFields({ typed, onChange, error }: LegalFieldsProps) {
  const { t } = useLegalWords()
  const tied = (field: Field) => ({
    optional: true,
    value: typed[field],
    error: error(`/legal/${field}`),
    onChange: (event: { target: { value: string } }) => onChange({ ...typed, [field]: event.target.value }),
  })
  return (
    <Card wide title={t.settingsTitle}>
      <p>{t.settingsText}</p>
      <div className="pro-grid">
        <TextField label={t.publisherName} maxLength={200} {...tied('publisher/name')} />
        <TextField label={t.publisherRegistration} hint={t.registrationHint} maxLength={200} {...tied('publisher/registration')} />
        <TextArea label={t.publisherAddress} maxLength={500} {...tied('publisher/address')} />
        <TextField label={t.hostName} maxLength={200} {...tied('host/name')} />
        <TextArea label={t.hostAddress} maxLength={500} {...tied('host/address')} />
        <TextField label={t.dpoEmail} type="email" {...tied('dpo_email')} />
      </div>
      <TextArea label={t.privacyFr} hint={t.textHint} rows={6} maxLength={10_000} {...tied('privacy/fr')} />
      <TextArea label={t.privacyEn} hint={t.textHint} rows={6} maxLength={10_000} {...tied('privacy/en')} />
      <TextArea label={t.termsFr} hint={t.textHint} rows={6} maxLength={10_000} {...tied('terms/fr')} />
      <TextArea label={t.termsEn} hint={t.textHint} rows={6} maxLength={10_000} {...tied('terms/en')} />
    </Card>
  )
}
