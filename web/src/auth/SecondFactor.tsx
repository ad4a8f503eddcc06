import { useState, type SyntheticEvent } from 'react'
import qrcode from 'qrcode-generator'
import { auth } from '../api/clinic'
import { useAction } from '../api/useAction'
import type { Session } from '../api/types'
import { useWords } from '../i18n/pro'
import { CopyButton, ProblemNotice } from '../pro/parts'
import { Button } from '../ui/Button'
import { ShieldIcon } from '../ui/deskIcons'
import { CheckIcon } from '../ui/icons'
import { Card } from '../ui/Card'
import { TextField } from '../ui/Field'
import { Page } from '../ui/Page'
import { useSession } from './session'

export function SecondFactor() {
  const { t } = useWords()
  const { setSession } = useSession()
  const [recovery, setRecovery] = useState(false)
  const [code, setCode] = useState('')
  const action = useAction()
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault()
    const given = code.replace(/\s/g, '')
    void action.run(async () => setSession(await auth.secondFactor(recovery ? { recovery_code: code.trim() } : { code: given })))
  }
  return (
    <Page line={t.line} title={t.mfaTitle} screen="mfa">
      <Card>
        <form className="pro-stack" onSubmit={submit}>
          {!recovery && <p>{t.mfaText}</p>}
          {recovery ? (
            <TextField key="recovery" label={t.recoveryCode} autoComplete="off" required value={code} onChange={(event) => setCode(event.target.value)} />
          ) : (
            <CodeField value={code} onChange={setCode} />
          )}
          <ProblemNotice problem={action.problem} />
          <Button icon={<CheckIcon />} type="submit" busy={action.busy}>{t.confirm}</Button>
          <Button icon={<ShieldIcon />}
            kind="quiet"
            onClick={() => {
              setRecovery(!recovery)
              setCode('')
            }}
          >
            {recovery ? t.mfaUseCode : t.mfaUseRecovery}
          </Button>
        </form>
      </Card>
    </Page>
  )
}

export function CodeField({ value, onChange }: { value: string; onChange: (code: string) => void }) {
  const { t } = useWords()
  return (
    <TextField label={t.mfaCode} inputMode="numeric" autoComplete="one-time-code" maxLength={9} required value={value} onChange={(event) => onChange(event.target.value)} />
  )
}

export function EnrolPage() {
  const { t } = useWords()
  const { setSession } = useSession()
  return (
    <Page line={t.line} title={t.enrolTitle} screen="enrol">
      <Card>
        <Enrolment onDone={setSession} />
      </Card>
    </Page>
  )
}

/** Secret, code, recovery codes. The new session counts once the codes are noted: the page would go on without them. */
export function Enrolment({ onDone }: { onDone: (session: Session) => void }) {
  const { t } = useWords()
  const [offer, setOffer] = useState<{ secret: string; uri: string }>()
  const [confirmed, setConfirmed] = useState<{ recovery_codes: string[]; session: Session }>()
  const [code, setCode] = useState('')
  const action = useAction()
  if (confirmed !== undefined) {
    return <RecoveryCodes codes={confirmed.recovery_codes} onNoted={() => onDone(confirmed.session)} />
  }
  if (offer === undefined) {
    return (
      <div className="pro-stack">
        <ProblemNotice problem={action.problem} />
        <Button icon={<ShieldIcon />} busy={action.busy} onClick={() => void action.run(async () => setOffer(await auth.enrol()))}>{t.enrolStart}</Button>
      </div>
    )
  }
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault()
    void action.run(async () => setConfirmed(await auth.confirmEnrolment(code.replace(/\s/g, ''))))
  }
  return (
    <form className="pro-stack" onSubmit={submit}>
      <p>{t.enrolText}</p>
      <QrPicture text={offer.uri} label={t.enrolQr} />
      <p>
        {t.enrolSecret} <code className="pro-secret">{offer.secret}</code> <CopyButton text={offer.secret} />
      </p>
      <CodeField value={code} onChange={setCode} />
      <ProblemNotice problem={action.problem} />
      <Button icon={<CheckIcon />} type="submit" busy={action.busy}>{t.confirm}</Button>
    </form>
  )
}

export function RecoveryCodes({ codes, onNoted }: { codes: readonly string[]; onNoted: () => void }) {
  const { t } = useWords()
  return (
    <div className="pro-stack">
      <h2>{t.recoveryTitle}</h2>
      <p>{t.recoveryText}</p>
      <ul className="pro-codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <CopyButton text={codes.join('\n')} />
      <Button icon={<CheckIcon />} onClick={onNoted}>{t.recoveryDone}</Button>
    </div>
  )
}

/** Drawn here: the secret leaves the page for nobody. */
function QrPicture({ text, label }: { text: string; label: string }) {
  const code = qrcode(0, 'M')
  code.addData(text)
  code.make()
  const size = code.getModuleCount()
  let path = ''
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      if (code.isDark(row, column)) path += `M${column + 4} ${row + 4}h1v1h-1z`
    }
  }
  return (
    <svg className="pro-qr" role="img" aria-label={label} viewBox={`0 0 ${size + 8} ${size + 8}`} shapeRendering="crispEdges">
      <rect width="100%" height="100%" fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  )
}
