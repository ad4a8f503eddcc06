import { useEffect, useState } from 'react'
import { consultations } from '../api/clinic'
import { asApiError } from '../api/useAction'
import type { ApiError } from '../api/client'
import type { Item, Status } from '../api/types'
import { useMe } from '../auth/session'
import { useWords, type Catalogue } from '../i18n/pro'
import { Button } from '../ui/Button'
import { DownIcon } from '../ui/deskIcons'
import { Chip, Light, type Tone } from '../ui/Chip'
import { Spinner } from '../ui/Progress'
import { Tabs } from '../ui/Tabs'
import { ArrowIcon, CalendarIcon, PhoneIcon } from '../ui/icons'
import { AlertChoice } from './AlertChoice'
import { Frame } from './Frame'
import { Immediate } from './Immediate'
import { dayTime, timeOf } from './format'
import { ProblemNotice, To } from './parts'
import { go, paths } from './router'
import { useWaiting } from './waiting'

const TABS = ['today', 'upcoming', 'to_validate', 'done', 'invited'] as const
type TabName = (typeof TABS)[number]

export function toneOf(status: Status): Tone {
  switch (status) {
    case 'in_progress':
      return 'active'
    case 'open':
    case 'validated':
      return 'good'
    case 'interrupted':
    case 'ended':
    case 'no_show':
      return 'warn'
    case 'cancelled':
    case 'expired':
      return 'bad'
    default:
      return 'neutral'
  }
}

/** An immediate call has no form to validate. */
export const statusText = (item: { kind: string; status: Status }, t: Catalogue): string =>
  item.kind === 'immediate' && item.status === 'ended' ? t.endedImmediate : t.statuses[item.status]

export function List() {
  const { t } = useWords()
  const [tab, setTab] = useState<TabName>('today')
  const [calling, setCalling] = useState(false)
  const names: Record<TabName, string> = { today: t.tabToday, upcoming: t.tabUpcoming, to_validate: t.tabToValidate, done: t.tabDone, invited: t.tabInvited }
  return (
    <Frame title={t.listTitle} screen="list" at={paths.list}>
      <div className="pro-row">
        <Button icon={<PhoneIcon />} onClick={() => setCalling(true)}>{t.immediate}</Button>
        <Button kind="quiet" icon={<CalendarIcon />} onClick={() => go(paths.appointment)}>{t.newAppointment}</Button>
      </div>
      <Tabs label={t.tabs} tabs={TABS.map((name) => ({ name, label: names[name] }))} chosen={tab} onChoose={setTab}>
        <Items key={tab} view={tab} />
      </Tabs>
      <AlertChoice />
      {calling && <Immediate onClose={() => setCalling(false)} />}
    </Frame>
  )
}

function Items({ view }: { view: TabName }) {
  const { t } = useWords()
  const { beat } = useWaiting()
  const [items, setItems] = useState<readonly Item[]>()
  const [next, setNext] = useState<string>()
  const [problem, setProblem] = useState<ApiError>()
  const load = async (cursor?: string): Promise<void> => {
    try {
      const page = await consultations.list(view, cursor)
      setItems((before) => (cursor === undefined ? page.items : [...(before ?? []), ...page.items]))
      setNext(page.next ?? undefined)
      setProblem(undefined)
    } catch (error) {
      setProblem(asApiError(error))
    }
  }
  useEffect(() => {
    let wanted = true
    consultations.list(view).then(
      (page) => {
        if (!wanted) return
        setItems(page.items)
        setNext(page.next ?? undefined)
        setProblem(undefined)
      },
      (error: unknown) => {
        if (wanted) setProblem(asApiError(error))
      },
    )
    return () => {
      wanted = false
    }
  }, [view, beat])
  return (
    <>
      <ProblemNotice problem={problem} />
      {items === undefined && problem === undefined && <Spinner />}
      {items?.length === 0 && <Empty view={view} />}
      <ul className="pro-items">
        {items?.map((item) => <Line key={item.id} item={item} today={view === 'today'} />)}
      </ul>
      {next !== undefined && <Button icon={<DownIcon />} kind="quiet" onClick={() => void load(next)}>{t.more}</Button>}
    </>
  )
}

/** Nothing here, and what to do about it. */
function Empty({ view }: { view: TabName }) {
  const { t } = useWords()
  return (
    <div className="pro-empty">
      <CalendarIcon />
      <p><strong>{t.listEmpty[view]}</strong></p>
      {(view === 'today' || view === 'upcoming') && <p>{t.listEmptyHint}</p>}
    </div>
  )
}

function Line({ item, today }: { item: Item; today: boolean }) {
  const { language, t } = useWords()
  const { me } = useMe()
  const name = item.patient_name ?? item.phone ?? t.noName
  const time = dayTime(item.slot.start, language, me.time_zone)
  return (
    <li className="pro-item">
      <span className="pro-item-time">{today ? timeOf(item.slot.start, language, me.time_zone) : time}</span>
      <span className="pro-item-name">
        <strong>{name}</strong>
        <small>{t.kinds[item.kind]}</small>
      </span>
      <span className="pro-item-state">
        {item.waiting > 0 && <Light tone="active">{t.waitingCount(item.waiting)}</Light>}
        {item.connected > 0 && <Light tone="good">{t.inCall}</Light>}
        <Chip tone={toneOf(item.status)}>{statusText(item, t)}</Chip>
      </span>
      <To path={paths.consultation(item.id)} className="button button-quiet" label={t.openOf(name, time)}><ArrowIcon /> <span>{t.open}</span></To>
    </li>
  )
}
