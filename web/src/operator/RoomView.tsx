import { useOperatorWords } from '../i18n/operator'
import { Button } from '../ui/Button'
import { CloseIcon } from '../ui/icons'
import { Card } from '../ui/Card'
import { Chip, type Tone } from '../ui/Chip'
import { Notice } from '../ui/Notice'
import { Spinner } from '../ui/Progress'
import type { Media, Quality, Room, Verdict } from './api'
import { useRoom } from './live'

const GRADES: Record<Verdict['grade'], Tone> = { excellent: 'good', good: 'good', poor: 'warn', lost: 'bad' }
/** What carries no picture. */
const SOUND = ['opus', 'red']
const RANK: Record<Quality, number> = { low: 0, medium: 1, high: 2 }

interface RoomViewProps {
  name: string
  secret: string
  running: boolean
  onClose: () => void
}

/** One room: how each connection is, and why each picture is as large as it is. */
export function RoomView({ name, secret, running, onClose }: RoomViewProps) {
  const { t } = useOperatorWords()
  const { value, problem } = useRoom(name, secret, running)
  return (
    <Card wide title={t.roomTitle(name)}>
      <div className="row">
        <Button icon={<CloseIcon />} kind="quiet" onClick={onClose}>{t.close}</Button>
      </div>
      {problem !== undefined && <Notice kind="warn">{problem.status === 404 ? t.roomGone : t.failed(problem.code)}</Notice>}
      {value === undefined && problem === undefined && <Spinner />}
      {value !== undefined && (typeof value.media === 'string' ? <Notice kind="warn">{t.workerSilent}</Notice> : <Inside room={value} media={value.media} />)}
    </Card>
  )
}

function Inside({ room, media }: { room: Room; media: Media }) {
  const { language, t } = useOperatorWords()
  const number = (value: number): string => new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(value)
  const nameOf = (member: number): string => room.participants?.find((each) => each.member === member)?.sid ?? t.member(String(member))
  const publisherOf = (track: number): Media['tracks'][number] | undefined => media.tracks.find((each) => each.track === track)
  return (
    <>
      <p>{t.hold(number(media.video_hold_ms), t.holds[media.video_hold_reason] ?? media.video_hold_reason)}</p>
      <h3>{t.connections}</h3>
      <ul className="stack">
        {media.members.map((each) => (
          <li key={each.member} className="row">
            <code>{nameOf(each.member)}</code>
            {each.quality === null ? <Chip>{t.noVerdict}</Chip> : (
              <Chip tone={GRADES[each.quality.grade]}>{t.grades[each.quality.grade]} ({number(each.quality.score)})</Chip>
            )}
            {each.quality !== null && each.quality.reason !== 'nothing' && <span>{t.qualityReasons[each.quality.reason] ?? each.quality.reason}</span>}
            {each.transports.map((transport, at) => (
              <span key={at}>
                {transport.connected ? (transport.protocol ?? t.noValue).toUpperCase() : t.notConnected}
                {transport.round_trip_ms !== null && `, ${t.roundTrip(number(transport.round_trip_ms))}`}
                {transport.estimate_bits_per_second !== null && `, ${t.carries(number(transport.estimate_bits_per_second / 1000))}`}
              </span>
            ))}
            {each.data_queued_bytes > 0 && <span>{t.queued(number(each.data_queued_bytes / 1000))}</span>}
          </li>
        ))}
      </ul>
      <h3>{t.pictures}</h3>
      {media.subscriptions.length === 0 && <p>{t.picturesEmpty}</p>}
      <ul className="stack">
        {media.subscriptions.map((each) => {
          const track = publisherOf(each.track)
          const sound = track !== undefined && SOUND.includes(track.codec)
          const lowered = each.forwarded !== null && track !== undefined && track.encodings.some((other) => other.live && RANK[other.quality] > RANK[each.forwarded ?? 'high'])
          return (
            <li key={each.subscription} className="row">
              <span><code>{nameOf(each.member)}</code> ← <code>{track === undefined ? t.noValue : nameOf(track.member)}</code></span>
              <span>{track?.codec ?? t.noValue}</span>
              <Chip tone={each.forwarded === null ? 'neutral' : lowered ? 'warn' : 'good'}>{each.forwarded === null ? t.nothingSent : sound ? t.sound : t.layers[each.forwarded]}</Chip>
              <span>{t.layerReasons[each.reason] ?? each.reason}</span>
              {each.target !== null && each.target !== each.forwarded && <span>{t.goingTo(t.layers[each.target])}</span>}
              <span className="field-hint">{t.sentPackets(number(each.packets), number(each.retransmitted))}</span>
            </li>
          )
        })}
      </ul>
      <h3>{t.tracks}</h3>
      {media.tracks.length === 0 && <p>{t.tracksEmpty}</p>}
      <ul className="stack">
        {media.tracks.map((track) => (
          <li key={track.track} className="row">
            <code>{nameOf(track.member)}</code>
            <span>{track.codec}</span>
            {track.muted && <Chip>{t.muted}</Chip>}
            {track.encodings.map((each) => (
              <span key={each.quality} className={each.live ? undefined : 'field-hint'}>
                {!SOUND.includes(track.codec) && `${t.layers[each.quality]} `}{each.live ? t.kilobits(number(each.bits_per_second / 1000)) : t.notArriving}
                {each.live && `, ${t.loss(number(each.packets > 0 ? (100 * each.lost) / each.packets : 0))}, ${t.jitter(number(each.jitter_ms))}`}
              </span>
            ))}
          </li>
        ))}
      </ul>
    </>
  )
}
