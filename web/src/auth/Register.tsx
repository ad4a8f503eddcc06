import { useState, type SyntheticEvent } from 'react'
import { auth } from '../api/clinic'
import { useAction, useLoad } from '../api/useAction'
import { useLegalWords } from '../i18n/legal'
import { useWords } from '../i18n/pro'
import { blank, phoneAsTyped } from '../pro/format'
import { ProblemNotice, To, useFieldError } from '../pro/parts'
import { paths } from '../pro/router'
import { Button } from '../ui/Button'
import { SendIcon } from '../ui/icons'
import { LogInIcon } from '../ui/deskIcons'
import { Card } from '../ui/Card'
import { CheckField, SelectField, TextField } from '../ui/Field'
import { Page } from '../ui/Page'
import { useToast } from '../ui/Toasts'

export const TELECONSULTATION = 'teleconsultation_domicile'

/** With `ticket` the identity is proven already: names, number and password are not asked. */
export function Register({ ticket }: { ticket?: string }) {
  const { language, t } = useWords()
  const { t: legal } = useLegalWords()
  const proven = ticket !== undefined
  const professions = useLoad('professions', auth.professions)
  const [given, setGiven] = useState({
    title: '', first_name: '', exercise_name: '', profession_code: '', idType: 'rpps', number: '', email: '', emailAgain: '',
    mobile: '', practice: '', address: '', phone: '', department: '', password: '', access: 'password',
  })
  const [tele, setTele] = useState(true)
  const [terms, setTerms] = useState(false)
  const [differ, setDiffer] = useState(false)
  const [sent, setSent] = useState(false)
  const action = useAction()
  const fieldError = useFieldError(action.problem)
  const put = (field: keyof typeof given) => (event: { target: { value: string } }) =>
    setGiven((before) => ({ ...before, [field]: event.target.value }))
  if (sent) return <CheckMail email={given.email.trim()} />

  const submit = (event: SyntheticEvent): void => {
    event.preventDefault()
    const different = given.email.trim().toLowerCase() !== given.emailAgain.trim().toLowerCase()
    setDiffer(different)
    if (different) return
    const common = {
      email: given.email.trim(),
      title: given.title.trim(),
      mobile: blank(given.mobile),
      practice: { name: given.practice.trim(), address: given.address.trim(), phone: blank(given.phone) },
      department: blank(given.department),
      interests: tele ? [TELECONSULTATION] : [],
      accepts_terms: terms,
      locale: language,
      time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    }
    const number = given.number.replace(/\s/g, '')
    void action.run(async () => {
      await (proven
        ? auth.registerProven({ ...common, ticket, profession_code: blank(given.profession_code) })
        : auth.register({
            ...common,
            first_name: given.first_name.trim(),
            exercise_name: given.exercise_name.trim(),
            profession_code: given.profession_code,
            ...(given.idType === 'rpps' ? { rpps: number } : { adeli: number }),
            ...(given.access === 'password' ? { password: given.password } : {}),
          }))
      setSent(true)
    })
  }
  return (
    <Page line={t.line} title={t.registerTitle} screen="register">
      <form className="pro-stack" onSubmit={submit}>
        <Card title={t.registerYou}>
          <div className="pro-grid">
            <TextField label={t.title} optional autoComplete="honorific-prefix" maxLength={30} value={given.title} onChange={put('title')} error={fieldError('/title')} />
            {!proven && (
              <>
                <TextField label={t.firstName} required autoComplete="given-name" value={given.first_name} onChange={put('first_name')} error={fieldError('/first_name')} />
                <TextField label={t.lastName} required autoComplete="family-name" value={given.exercise_name} onChange={put('exercise_name')} error={fieldError('/exercise_name')} />
              </>
            )}
            <SelectField label={t.profession} required={!proven} optional={proven} value={given.profession_code} onChange={put('profession_code')} error={fieldError('/profession_code')}>
              <option value="">{t.choose}</option>
              {professions.value?.map((each) => (
                <option key={each.code} value={each.code}>{each[language]}</option>
              ))}
            </SelectField>
            {!proven && (
              <>
                <SelectField label={t.idType} value={given.idType} onChange={put('idType')}>
                  <option value="rpps">RPPS</option>
                  <option value="adeli">ADELI</option>
                </SelectField>
                <TextField label={given.idType === 'rpps' ? t.rpps : t.adeli} required inputMode={given.idType === 'rpps' ? 'numeric' : 'text'} value={given.number} onChange={put('number')} error={fieldError(`/${given.idType}`)} />
              </>
            )}
            <TextField label={t.email} required type="email" autoComplete="email" value={given.email} onChange={put('email')} error={fieldError('/email')} />
            <TextField label={t.emailAgain} required type="email" autoComplete="email" value={given.emailAgain} onChange={put('emailAgain')} error={differ ? t.emailsDiffer : undefined} />
            <TextField label={t.mobile} optional type="tel" autoComplete="tel" value={given.mobile} onChange={(event) => setGiven((before) => ({ ...before, mobile: phoneAsTyped(event.target.value) }))} error={fieldError('/mobile')} />
          </div>
        </Card>
        <Card title={t.registerPractice}>
          <div className="pro-grid">
            <TextField label={t.practiceName} optional autoComplete="organization" value={given.practice} onChange={put('practice')} />
            <TextField label={t.practiceAddress} optional autoComplete="street-address" value={given.address} onChange={put('address')} error={fieldError('/practice')} />
            <TextField label={t.practicePhone} optional type="tel" value={given.phone} onChange={put('phone')} />
            <TextField label={t.department} optional maxLength={3} value={given.department} onChange={put('department')} error={fieldError('/department')} />
          </div>
          <fieldset className="pro-set">
            <legend>{t.interests}</legend>
            <CheckField label={t.interestTele} hint={t.interestTeleHint} checked={tele} onChange={(event) => setTele(event.target.checked)} />
          </fieldset>
        </Card>
        <Card title={t.registerAccess}>
          {!proven && (
            <>
              <SelectField label={t.password} value={given.access} onChange={put('access')}>
                <option value="password">{t.passwordNow}</option>
                <option value="card">{t.passwordLater}</option>
              </SelectField>
              {given.access === 'password' && (
                <TextField label={t.newPassword} hint={t.passwordHint} required type="password" autoComplete="new-password" value={given.password} onChange={put('password')} error={fieldError('/password')} />
              )}
            </>
          )}
          <p><a href="/mentions-legales" target="_blank" rel="noreferrer">{legal.readTerms}</a> <a href="/confidentialite" target="_blank" rel="noreferrer">{legal.readPrivacy}</a></p>
          <CheckField label={t.terms} required checked={terms} onChange={(event) => setTerms(event.target.checked)} error={fieldError('/accepts_terms')} />
          <ProblemNotice problem={action.problem ?? professions.problem} />
          <Button icon={<LogInIcon />} type="submit" busy={action.busy}>{t.register}</Button>
          <To path={paths.login}>{t.haveAccount}</To>
        </Card>
      </form>
    </Page>
  )
}

function CheckMail({ email }: { email: string }) {
  const { t } = useWords()
  const tell = useToast()
  const action = useAction()
  return (
    <Page line={t.line} title={t.checkMailTitle} screen="check-mail">
      <Card>
        <p>{t.checkMailText}</p>
        <p>{t.checkMailHint}</p>
        <ProblemNotice problem={action.problem} />
        <Button icon={<SendIcon />} kind="quiet" busy={action.busy} onClick={() => void action.run(async () => {
          await auth.resendConfirmation(email)
          tell(t.mailResent)
        })}>
          {t.resendMail}
        </Button>
        <To path={paths.login}>{t.login}</To>
      </Card>
    </Page>
  )
}
