import { useState, type SyntheticEvent } from 'react'
import { useOperatorWords } from '../i18n/operator'
import { Button } from '../ui/Button'
import { ArrowIcon } from '../ui/icons'
import { LogInIcon, PauseIcon, SearchIcon, TrashIcon } from '../ui/deskIcons'
import { Card } from '../ui/Card'
import { Chip } from '../ui/Chip'
import { TextField } from '../ui/Field'
import { Notice } from '../ui/Notice'
import { Page } from '../ui/Page'
import { Spinner } from '../ui/Progress'
import type { RoomRow } from './api'
import { useLive } from './live'
import type { Point } from './metrics'
import { Plot } from './Plot'
import { RoomView } from './RoomView'
import './operator.css'

/** `/exploitation`: what the server does at this moment, for whoever runs it. */
export default function OperatorPage() {
  const { t } = useOperatorWords()
  const [key, setKey] = useState('')
  const [running, setRunning] = useState(true)
  const [chosen, setChosen] = useState<string>()
  const { points, rooms, locked, problem } = useLive(key, running)
  return (
    <Page line={t.line} title={t.title} wide>
      {problem !== undefined && <Notice kind="bad">{problem.code === 'network' ? t.unreachable : t.failed(problem.code)}</Notice>}
      <div className="row">
        <Button icon={running ? <PauseIcon /> : <ArrowIcon />} kind="quiet" aria-pressed={!running} onClick={() => setRunning(!running)}>{running ? t.pause : t.goOn}</Button>
        {key !== '' && !locked && <Button icon={<TrashIcon />} kind="quiet" onClick={() => {
          setKey('')
          setChosen(undefined)
        }}>{t.forgetKey}</Button>}
        <span className="field-hint">{running ? t.every : t.paused}</span>
      </div>
      <Load points={points} />
      {locked ? (
        <Unlock wrong={key !== ''} onKey={setKey} />
      ) : (
        <Rooms rooms={rooms} chosen={chosen} onChoose={setChosen} />
      )}
      {chosen !== undefined && !locked && <RoomView key={chosen} name={chosen} secret={key} running={running} onClose={() => setChosen(undefined)} />}
    </Page>
  )
}

/** Rooms are shown to whoever has an API key, as `/debug/rooms` is. */
function Unlock({ wrong, onKey }: { wrong: boolean; onKey: (key: string) => void }) {
  const { t } = useOperatorWords()
  const [typed, setTyped] = useState('')
  return (
    <Card wide title={t.roomsTitle}>
      <form className="stack" onSubmit={(event: SyntheticEvent) => {
        event.preventDefault()
        onKey(typed.trim())
      }}>
        <p>{t.keyText}</p>
        <TextField label={t.key} type="password" autoComplete="off" required hint={t.keyHint} error={wrong ? t.keyWrong : undefined} value={typed} onChange={(event) => setTyped(event.target.value)} />
        <div className="row">
          <Button icon={<LogInIcon />} type="submit">{t.unlock}</Button>
        </div>
      </form>
    </Card>
  )
}

function Load({ points }: { points: readonly Point[] }) {
  const { language, t } = useOperatorWords()
  const last = points.at(-1)
  const first = points[0]
  if (last === undefined || first === undefined) return <Spinner>{t.measuring}</Spinner>
  const number = (digits: number) => (value: number): string => new Intl.NumberFormat(language, { maximumFractionDigits: value < 10 ? digits : 0 }).format(value)
  const [whole, exact] = [number(0), number(2)]
  const perSecond = (value: number): string => t.perSecond(whole(value))
  const bits = (value: number): string => (value >= 1e6 ? t.megabits(number(1)(value / 1e6)) : t.kilobits(whole(value / 1000)))
  const span = Math.round((last.at - first.at) / 1000)
  const of = (name: string, read: (point: Point) => number | undefined) => ({ name, values: points.map(read) })
  const workers = Object.keys(last.busy)
  const drops = Object.entries(last.drops)
  return (
    <>
      <div className="plots">
        <Plot title={t.plotPeople} span={span} least={4} text={whole} series={[of(t.rooms, (p) => p.rooms), of(t.participants, (p) => p.participants)]} />
        <Plot title={t.plotBusy} span={span} least={1} text={(value) => t.percent(whole(value * 100))} series={workers.map((worker) => of(t.worker(worker), (p) => p.busy[worker]))} />
        <Plot title={t.plotCost} span={span} least={5} text={(value) => t.micros(exact(value))} series={[of(t.plotCost, (p) => p.cost)]} hint={t.costHint} />
        <Plot title={t.plotPackets} span={span} least={100} text={perSecond} series={[of(t.received, (p) => p.received), of(t.sent, (p) => p.forwarded)]} />
        <Plot title={t.plotBits} span={span} least={1e6} text={bits} series={[of(t.received, (p) => p.bitsIn), of(t.sent, (p) => p.bitsOut)]} />
        <Plot title={t.plotAgain} span={span} least={10} text={perSecond} series={[of(t.plotAgain, (p) => p.retransmitted)]} />
      </div>
      {drops.length > 0 && (
        <Card wide title={t.dropsTitle}>
          <ul className="row">
            {drops.map(([cause, rate]) => (
              <li key={cause}><Chip tone={cause === 'relay_overflow' ? 'warn' : 'neutral'}>{cause} {t.perSecond(exact(rate))}</Chip></li>
            ))}
          </ul>
        </Card>
      )}
    </>
  )
}

function Rooms({ rooms, chosen, onChoose }: { rooms: readonly RoomRow[] | undefined; chosen: string | undefined; onChoose: (name: string) => void }) {
  const { t } = useOperatorWords()
  return (
    <Card wide title={t.roomsTitle}>
      {rooms === undefined && <Spinner />}
      {rooms?.length === 0 && <p>{t.roomsEmpty}</p>}
      {rooms !== undefined && rooms.length > 0 && (
        // A table that scrolls sideways must be reachable with the keyboard.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <div className="table" tabIndex={0} role="region" aria-label={t.roomsTitle}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t.room}</th>
                <th scope="col">{t.participants}</th>
                <th scope="col">{t.publishers}</th>
                <th scope="col">{t.workerColumn}</th>
                <th scope="col"><span className="unseen">{t.details}</span></th>
              </tr>
            </thead>
            <tbody>
              {rooms.map((room) => (
                <tr key={room.sid}>
                  <th scope="row"><code>{room.name}</code></th>
                  <td>{room.participants}</td>
                  <td>{room.publishers}</td>
                  <td>{room.worker ?? t.noValue}</td>
                  <td><Button icon={<SearchIcon />} kind="quiet" className="button-small" aria-pressed={room.name === chosen} aria-label={t.detailsOf(room.name)} onClick={() => onChoose(room.name)}>{t.details}</Button></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  )
}
