import { expect, test } from 'vitest'
import { lostShare, pictureIn, reasonsOf, type LineSample, type PictureSample } from './quality'

const picture: PictureSample = { width: 1280, height: 720, perSecond: 25, arrived: 1000, lost: 0, limited: 'none' }
const sample: LineSample = { identity: 'a', name: 'A', isLocal: false, line: 'good', suspended: false, picture }

test('a good line has nothing to explain', () => {
  expect(reasonsOf(sample, undefined)).toEqual([])
})

test('every cause that is known is named', () => {
  expect(reasonsOf({ ...sample, line: 'poor' }, undefined)).toEqual(['linePoor'])
  expect(reasonsOf({ ...sample, line: 'lost', picture: undefined }, undefined)).toEqual(['lineLost'])
  expect(reasonsOf({ ...sample, picture: undefined }, undefined)).toEqual(['noPicture'])
  expect(reasonsOf({ ...sample, picture: { ...picture, limited: 'cpu' } }, undefined)).toEqual(['cpu'])
  expect(reasonsOf({ ...sample, suspended: true, picture: undefined }, undefined)).toEqual(['suspended'])
  expect(reasonsOf({ ...sample, line: 'poor', suspended: true }, undefined)).toEqual(['linePoor', 'suspended'])
})

test('losses count from the last look, not from the beginning', () => {
  const before = { ...sample, picture: { ...picture, arrived: 1000, lost: 500 } }
  const now = { ...sample, picture: { ...picture, arrived: 2000, lost: 500 } }
  expect(lostShare(now.picture, before.picture)).toBe(0)
  expect(reasonsOf(now, before)).toEqual([])
  expect(reasonsOf({ ...now, picture: { ...now.picture, lost: 600 } }, before)).toEqual(['packetsLost'])
})

test('of several encodings the largest that moves is shown, with what receivers lost', () => {
  const found = pictureIn([
    { type: 'outbound-rtp', kind: 'video', frameWidth: 320, frameHeight: 180, packetsSent: 10 },
    { type: 'outbound-rtp', kind: 'video', frameWidth: 640, frameHeight: 360, packetsSent: 90, framesPerSecond: 24.6, qualityLimitationReason: 'bandwidth' },
    { type: 'outbound-rtp', kind: 'video', frameWidth: 1280, frameHeight: 720, packetsSent: 7, framesPerSecond: 0 },
    { type: 'remote-inbound-rtp', kind: 'video', packetsLost: 10 },
    { type: 'outbound-rtp', kind: 'audio', packetsSent: 5 },
  ])
  expect(found).toEqual({ width: 640, height: 360, perSecond: 25, arrived: 90, lost: 10, limited: 'bandwidth' })
  expect(pictureIn([])).toBeUndefined()
})
