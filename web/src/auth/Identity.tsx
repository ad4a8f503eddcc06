import { useEffect, useRef, useState } from 'react'
import { auth } from '../api/clinic'
import { useAction } from '../api/useAction'
import type { Offer, Redeemed } from '../api/types'
import { useWords } from '../i18n/pro'
import { ProblemNotice, To } from '../pro/parts'
import { go, paths, rememberedPlace, takeFragment } from '../pro/router'
import { Button } from '../ui/Button'
import { LogInIcon } from '../ui/deskIcons'
import { CheckIcon } from '../ui/icons'
import { Card } from '../ui/Card'
import { Notice } from '../ui/Notice'
import { Page } from '../ui/Page'
import { Spinner } from '../ui/Progress'
import { Register } from './Register'
import { useSession } from './session'

/** `/connexion/identite#<ticket>`: what follows from an identity that Pro Santé Connect or a card has proven. */
export function Identity() {
  const { t } = useWords()
  const { setSession } = useSession()
  const [ticket] = useState(takeFragment)
  const [offer, setOffer] = useState<Offer>()
  const [pending, setPending] = useState(false)
  const [registering, setRegistering] = useState(false)
  const action = useAction()
  const begun = useRef(false)
  const follow = (redeemed: Redeemed): void => {
    if (redeemed.outcome === 'offer') setOffer(redeemed.offer)
    else if (redeemed.outcome === 'pending_approval') setPending(true)
    else {
      setSession(redeemed.session)
      go(rememberedPlace(), true)
    }
  }
  useEffect(() => {
    // A ticket is good once.
    if (begun.current || ticket === '') return
    begun.current = true
    void action.run(async () => follow(await auth.identity(ticket)))
  })
  if (registering) return <Register ticket={ticket} />
  return (
    <Page line={t.line} title={t.identityTitle} screen="identity">
      <Card>
        {ticket === '' && <Notice kind="warn">{t.linkMissing}</Notice>}
        {action.busy && <Spinner />}
        <ProblemNotice problem={action.problem} />
        {pending && <Notice>{t.identityPending}</Notice>}
        {offer !== undefined && (
          <div className="pro-stack">
            <p>{t.identityPerson(offer.first_name, offer.exercise_name, offer.national_number)}</p>
            {offer.accounts.length > 0 && (
              <>
                <p>{t.identityOffer}</p>
                <Notice kind="warn">{t.identityCareful}</Notice>
                {offer.accounts.map((each) => (
                  <Button icon={<CheckIcon />} key={each.account_id} busy={action.busy} onClick={() => void action.run(async () => follow(await auth.attach(ticket, each.account_id)))}>
                    {t.identityMine(each.email)}
                  </Button>
                ))}
              </>
            )}
            <Button icon={<LogInIcon />} kind="quiet" onClick={() => setRegistering(true)}>{t.identityNew}</Button>
          </div>
        )}
        <To path={paths.login}>{t.login}</To>
      </Card>
    </Page>
  )
}
