import type { ReactNode } from 'react'
import { useLoad } from '../api/useAction'
import { useLegalWords } from '../i18n/legal'
import { Card } from '../ui/Card'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import { Info } from './Info'
import { legal, told, type Legal, type Text } from './legal'

/** What somebody typed as plain text: line breaks count, markup is only characters. */
function Plain({ text, lang }: { text: string; lang?: string }) {
  return <p className="plain-text" lang={lang}>{text}</p>
}

/** Loads who answers for this server; says so while it does, and when it cannot. */
function Answering({ children }: { children: (found: Legal) => ReactNode }) {
  const { t } = useLegalWords()
  const { value, problem } = useLoad('legal', legal)
  if (value !== undefined) return children(value)
  return problem === undefined ? <Spinner /> : <Notice kind="bad">{t.failed}</Notice>
}

function Publisher({ publisher: { name, address, registration } }: Pick<Legal, 'publisher'>) {
  const { t } = useLegalWords()
  if (name === null) return <p>{t.publisherMissing}</p>
  return (
    <>
      <p>{name}</p>
      {address !== null && <Plain text={address} />}
      {registration !== null && <p>{t.registered(registration)}</p>}
    </>
  )
}

function Dpo({ dpo_email }: Pick<Legal, 'dpo_email'>) {
  const { t } = useLegalWords()
  if (dpo_email === null) return <p>{t.dpoMissing}</p>
  return <p>{t.dpoText} <a href={`mailto:${dpo_email}`}>{dpo_email}</a></p>
}

function Words({ text, missing }: { text: Text; missing: string }) {
  const { language } = useLegalWords()
  const found = told(text, language)
  return found === undefined ? <p>{missing}</p> : <Plain {...found} />
}

/** On the privacy page: whom to write to, and what the institution adds. */
export function PrivacyParts() {
  const { t } = useLegalWords()
  return (
    <Answering>
      {(found) => (
        <>
          <Card wide title={t.responsible}><Publisher publisher={found.publisher} /></Card>
          <Card wide title={t.dpo}><Dpo dpo_email={found.dpo_email} /></Card>
          <Card wide title={t.privacyAdded}><Words text={found.privacy} missing={t.privacyMissing} /></Card>
        </>
      )}
    </Answering>
  )
}

/** On the accessibility statement: whose site it is. */
export function AccessibilityPart() {
  const { t } = useLegalWords()
  return <Card wide title={t.responsible}><Answering>{(found) => <Publisher publisher={found.publisher} />}</Answering></Card>
}

/** `/mentions-legales`. */
export function LegalNotice() {
  const { t } = useLegalWords()
  return (
    <Info title={t.noticeTitle}>
      <Answering>
        {(found) => (
          <>
            <Card wide title={t.publisher}><Publisher publisher={found.publisher} /></Card>
            <Card wide title={t.host}>
              {found.host.name === null ? <p>{t.hostMissing}</p> : <p>{found.host.name}</p>}
              {found.host.name !== null && found.host.address !== null && <Plain text={found.host.address} />}
            </Card>
            <Card wide title={t.dpo}><Dpo dpo_email={found.dpo_email} /></Card>
            <Card wide title={t.terms}><Words text={found.terms} missing={t.termsMissing} /></Card>
          </>
        )}
      </Answering>
    </Info>
  )
}
