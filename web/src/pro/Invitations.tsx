import { useEffect, useState, type SyntheticEvent } from 'react'
import { invitations } from '../api/clinic'
import { useAction } from '../api/useAction'
import type { Consultation, Invitation, LinkShown } from '../api/types'
import { useWords } from '../i18n/pro'
import { Button } from '../ui/Button'
import { LinkIcon, PenIcon, TrashIcon } from '../ui/deskIcons'
import { SendIcon } from '../ui/icons'
import { Light } from '../ui/Chip'
import { TextField } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { useToast } from '../ui/Toasts'
import { phoneAsTyped } from './format'
import { CopyButton, ProblemNotice, useFieldError } from './parts'

export function Invitations({ consultation, onChanged }: { consultation: Consultation; onChanged: () => void }) {
  return (
    <ul className="pro-stack">
      {consultation.invitations?.map((each) => (
        <OneInvitation key={each.id} id={consultation.id} invitation={each} onChanged={onChanged} />
      ))}
    </ul>
  )
}

function OneInvitation({ id, invitation, onChanged }: { id: string; invitation: Invitation; onChanged: () => void }) {
  const { t } = useWords()
  const tell = useToast()
  const [link, setLink] = useState<LinkShown>()
  const [correcting, setCorrecting] = useState(false)
  const [to, setTo] = useState('')
  const action = useAction()
  const fieldError = useFieldError(action.problem)
  const { lights, channel } = invitation
  const sms = channel === 'sms'
  const byMessage = sms || channel === 'email'
  const dead = invitation.status === 'revoked' || invitation.status === 'expired'
  const trouble = t.sendingProblem[invitation.status]
  const resend = (corrected: { phone?: string; email?: string }): void => {
    void action.run(async () => {
      await invitations.resend(id, invitation.id, corrected)
      setCorrecting(false)
      tell(t.resent)
      onChanged()
    })
  }
  const correct = (event: SyntheticEvent): void => {
    event.preventDefault()
    resend(sms ? { phone: to } : { email: to.trim() })
  }
  return (
    <li className="pro-invitation">
      <p className="pro-invitation-who">
        <strong>{invitation.name ?? t.roles[invitation.role]}</strong> {invitation.destination}
      </p>
      <p className="pro-row">
        <Lamp on={lights.sent}>{sms ? t.lightSent : channel === 'email' ? t.lightSentMail : t.lightLinkMade}</Lamp>
        {byMessage && <Lamp on={lights.delivered}>{t.lightDelivered}</Lamp>}
        <Lamp on={lights.opened}>{t.lightOpened}</Lamp>
        <Lamp on={lights.waiting}>{t.lightWaiting}</Lamp>
      </p>
      {trouble !== undefined && <Notice kind="warn">{trouble}</Notice>}
      {invitation.code !== undefined && invitation.code !== null && <p>{t.identityCode(invitation.code)}</p>}
      <ProblemNotice problem={action.problem} />
      {!dead && (
        <div className="pro-row">
          {byMessage && invitation.resends_left > 0 && (
            <>
              <Button icon={<SendIcon />} kind="quiet" className="button-small" busy={action.busy} onClick={() => resend({})}>{t.resend}</Button>
              <Button icon={<PenIcon />} kind="quiet" className="button-small" onClick={() => setCorrecting(!correcting)}>{sms ? t.correctPhone : t.correctEmail}</Button>
              <small>{t.resendsLeft(invitation.resends_left)}</small>
            </>
          )}
          <Button icon={<LinkIcon />} kind="quiet" className="button-small" busy={action.busy} onClick={() => void action.run(async () => setLink(await invitations.link(id, invitation.id)))}>
            {t.showLink}
          </Button>
          {invitation.role !== 'patient' && (
            <Button icon={<TrashIcon />} kind="quiet" className="button-small" onClick={() => void action.run(async () => {
              await invitations.revoke(id, invitation.id)
              onChanged()
            })}>
              {t.revoke}
            </Button>
          )}
        </div>
      )}
      {correcting && (
        <form className="pro-row" onSubmit={correct}>
          {sms ? (
            <TextField label={t.newPhone} type="tel" required value={to} error={fieldError('/phone')} onChange={(event) => setTo(phoneAsTyped(event.target.value))} />
          ) : (
            <TextField label={t.newEmail} type="email" required value={to} error={fieldError('/email')} onChange={(event) => setTo(event.target.value)} />
          )}
          <Button icon={<SendIcon />} type="submit" busy={action.busy}>{t.resend}</Button>
        </form>
      )}
      {link !== undefined && <ShownLink link={link} />}
    </li>
  )
}

/** The tone is a sign and a colour; the words say it as well. */
function Lamp({ on, children }: { on: boolean; children: string }) {
  const { t } = useWords()
  return (
    <Light tone={on ? 'good' : 'neutral'}>
      {children}
      <span className="unseen"> : {on ? t.lightYes : t.lightNo}</span>
    </Light>
  )
}

function ShownLink({ link }: { link: LinkShown }) {
  const { t } = useWords()
  const [picture, setPicture] = useState<string>()
  useEffect(() => {
    // A picture, so that nothing in it can act.
    const url = URL.createObjectURL(new Blob([link.qr_svg], { type: 'image/svg+xml' }))
    // eslint-disable-next-line react-hooks/set-state-in-effect -- the address is made and given back here
    setPicture(url)
    return () => URL.revokeObjectURL(url)
  }, [link])
  return (
    <div className="pro-stack">
      <TextField label={t.linkToCopy} readOnly value={link.url} onFocus={(event) => event.target.select()} />
      <CopyButton text={link.url} word={t.copyLink} />
      {picture !== undefined && <img className="pro-qr" src={picture} alt={t.qrAlt} />}
    </div>
  )
}
