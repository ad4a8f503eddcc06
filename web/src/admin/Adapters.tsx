import { useState } from 'react'
import { ApiError } from '../api/client'
import { asApiError, useLoad } from '../api/useAction'
import { useAdminWords } from '../i18n/admin'
import { useWords } from '../i18n/pro'
import { dayTime } from '../pro/format'
import { ProblemNotice, problemText } from '../pro/parts'
import { Button } from '../ui/Button'
import { PulseIcon } from '../ui/deskIcons'
import { Card } from '../ui/Card'
import { Chip } from '../ui/Chip'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import { adapters, type Adapter, type Tried } from './api'

type Outcome = { tried: Tried } | { problem: ApiError }

/** The services of others that this server uses, and whether they answer. */
export function Adapters() {
  const { language, t } = useAdminWords()
  const loaded = useLoad('adapters', adapters.list)
  const [testing, setTesting] = useState<string>()
  const [outcomes, setOutcomes] = useState<Readonly<Record<string, Outcome>>>({})
  const test = async (name: string): Promise<void> => {
    setTesting(name)
    const outcome: Outcome = await adapters.test(name).then((tried) => ({ tried }), (error: unknown) => ({ problem: asApiError(error) }))
    setOutcomes((before) => ({ ...before, [name]: outcome }))
    setTesting(undefined)
    loaded.reload()
  }
  if (loaded.value === undefined) return loaded.problem === undefined ? <Spinner /> : <ProblemNotice problem={loaded.problem} />
  return (
    <div className="stack">
      <p>{t.adaptersText(dayTime(loaded.value.since, language))}</p>
      <div className="admin-cards">
        {loaded.value.items.map((adapter) => (
          <Card key={adapter.name} wide title={t.adapters[adapter.name] ?? adapter.name}>
            <p className="row">
              <Chip tone={adapter.configured ? 'good' : 'neutral'}>{adapter.configured ? t.adapterConfigured : t.adapterMissing}</Chip>
              {adapter.kind !== undefined && adapter.kind !== null && <span>{adapter.kind}</span>}
            </p>
            {!adapter.configured && <p>{t.adapterHow(adapter.name)}</p>}
            {adapter.configured && <History adapter={adapter} />}
            {adapter.configured && (
              <div className="row">
                <Button icon={<PulseIcon />} kind="quiet" busy={testing === adapter.name} disabled={testing !== undefined} aria-label={t.about(t.test, t.adapters[adapter.name] ?? adapter.name)} onClick={() => void test(adapter.name)}>{t.test}</Button>
                {t.adapterTests[adapter.name] !== undefined && <span className="field-hint">{t.adapterTests[adapter.name]}</span>}
              </div>
            )}
            <Result outcome={outcomes[adapter.name]} />
          </Card>
        ))}
      </div>
    </div>
  )
}

function History({ adapter }: { adapter: Adapter }) {
  const { language, t } = useAdminWords()
  const { last_success_at: good, last_failure_at: bad, last_failure_code: code } = adapter
  if ((good ?? null) === null && (bad ?? null) === null) return <p>{t.adapterUnused}</p>
  return (
    <dl className="facts">
      <dt>{t.lastSuccess}</dt>
      <dd>{good === undefined || good === null ? t.never : dayTime(good, language)}</dd>
      <dt>{t.lastFailure}</dt>
      <dd>{bad === undefined || bad === null ? t.never : `${dayTime(bad, language)}${code === undefined || code === null ? '' : ` (${code})`}`}</dd>
    </dl>
  )
}

function Result({ outcome }: { outcome: Outcome | undefined }) {
  const { t } = useAdminWords()
  const { t: pro } = useWords()
  if (outcome === undefined) return null
  if ('problem' in outcome) {
    const text = outcome.problem.field('/mobile') === undefined ? problemText(outcome.problem, pro) : t.mobileMissing
    return <Notice kind="bad">{text}</Notice>
  }
  const { ok, code, took_ms } = outcome.tried
  return <Notice kind={ok ? 'good' : 'bad'}>{ok ? t.testGood(code, String(took_ms)) : t.testBad(code, String(took_ms))}</Notice>
}
