/** What is known of a person's line at one moment. */
export interface LineSample {
  identity: string
  name: string
  isLocal: boolean
  /** The server's judgement of the line. */
  line: 'excellent' | 'good' | 'poor' | 'lost' | 'unknown'
  /** The server has stopped the picture: the own line does not carry it. */
  suspended: boolean
  /** The picture that comes or goes; absent while there is none. */
  picture: PictureSample | undefined
}
export interface PictureSample {
  width: number
  height: number
  perSecond: number
  /** Packets since the beginning. */
  arrived: number
  lost: number
  /** Why an own picture is made smaller, as the browser says. */
  limited: 'none' | 'bandwidth' | 'cpu' | 'other'
}

export type Reason = 'suspended' | 'lineLost' | 'linePoor' | 'packetsLost' | 'bandwidth' | 'cpu' | 'noPicture'

/** From here on lost packets are seen. */
const LOST_SHARE = 0.03

/** The share of packets that were lost between two moments. */
export function lostShare(now: PictureSample, before: PictureSample | undefined): number {
  const lost = Math.max(0, now.lost - (before?.lost ?? 0))
  const arrived = Math.max(0, now.arrived - (before?.arrived ?? 0))
  return lost + arrived === 0 ? 0 : lost / (lost + arrived)
}

/** Why a picture is not as good as it could be; nothing where it is. */
export function reasonsOf(now: LineSample, before: LineSample | undefined): Reason[] {
  const reasons: Reason[] = []
  if (now.line === 'lost') reasons.push('lineLost')
  if (now.line === 'poor') reasons.push('linePoor')
  // What the browser tells of a picture that does not come is of before.
  if (now.suspended) return [...reasons, 'suspended']
  if (now.picture === undefined) return now.line === 'lost' ? reasons : [...reasons, 'noPicture']
  if (now.picture.limited === 'bandwidth' || now.picture.limited === 'cpu') reasons.push(now.picture.limited)
  if (lostShare(now.picture, before?.picture) >= LOST_SHARE) reasons.push('packetsLost')
  return reasons
}

type Stat = Record<string, unknown>
const numberOf = (stat: Stat, key: string): number => (typeof stat[key] === 'number' ? stat[key] : 0)

/** The picture in a report of the browser: the largest of the encodings that move, or the one that is received. */
export function pictureIn(report: Iterable<unknown>): PictureSample | undefined {
  let best: PictureSample | undefined
  let most = 0
  let lostByOthers = 0
  for (const entry of report) {
    const stat = entry as Stat
    if (stat.kind !== 'video') continue
    if (stat.type === 'remote-inbound-rtp') lostByOthers += numberOf(stat, 'packetsLost')
    if (stat.type !== 'inbound-rtp' && stat.type !== 'outbound-rtp') continue
    const [width, height] = [numberOf(stat, 'frameWidth'), numberOf(stat, 'frameHeight')]
    const perSecond = Math.round(numberOf(stat, 'framesPerSecond'))
    // An encoding that nobody watches stands still.
    const score = width * height * (perSecond > 0 ? 1000 : 1)
    if (width === 0 || score < most) continue
    most = score
    const said = stat.qualityLimitationReason
    best = {
      width,
      height,
      perSecond,
      arrived: numberOf(stat, stat.type === 'inbound-rtp' ? 'packetsReceived' : 'packetsSent'),
      lost: numberOf(stat, 'packetsLost'),
      limited: said === 'bandwidth' || said === 'cpu' || said === 'other' ? said : 'none',
    }
  }
  return best === undefined ? undefined : { ...best, lost: best.lost + lostByOthers }
}
