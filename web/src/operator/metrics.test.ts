import { expect, test } from 'vitest'
import { axisEnd, pointOf, readMetrics } from './metrics'

const text = (cpu: number, forwarded: number, dropped: number): string => `# HELP chevet_rooms Open rooms
# TYPE chevet_rooms gauge
chevet_rooms 3
chevet_participants 8
chevet_worker_busy_ratio{worker="0"} 0.25
chevet_worker_busy_ratio{worker="1"} 0.5
chevet_worker_cpu_seconds_total{worker="0"} ${cpu}
chevet_worker_media_forwarded_total{worker="0"} ${forwarded}
chevet_worker_media_forwarded_total{worker="1"} 0
chevet_worker_drops_total{worker="0",cause="garbage"} ${dropped}
chevet_worker_drops_total{worker="0",cause="replay"} 4
not a metric
`

test('labels and values are read, and sums leave out what was not asked for', () => {
  const reading = readMetrics(text(1, 10, 7), 0)
  expect(reading.sum('chevet_rooms')).toBe(3)
  expect(reading.sum('chevet_worker_drops_total')).toBe(11)
  expect(reading.sum('chevet_worker_drops_total', { cause: 'garbage' })).toBe(7)
  expect(reading.values('chevet_worker_busy_ratio', 'worker')).toEqual(['0', '1'])
  expect(reading.sum('nothing')).toBe(0)
})

test('the cost of a packet is processor time over packets sent', () => {
  const point = pointOf(readMetrics(text(1, 0, 0), 0), readMetrics(text(1.02, 20_000, 6), 2000))
  expect(point.forwarded).toBe(10_000)
  expect(point.cost).toBeCloseTo(1, 6)
  expect(point.busy).toEqual({ 0: 0.25, 1: 0.5 })
  expect(point.drops).toEqual({ garbage: 3 })
})

test('a server that does next to nothing has no cost for each packet', () => {
  expect(pointOf(readMetrics(text(1, 0, 0), 0), readMetrics(text(2, 50, 0), 2000)).cost).toBeUndefined()
})

test('a worker that was replaced gives no negative rate', () => {
  expect(pointOf(readMetrics(text(9, 9000, 9), 0), readMetrics(text(1, 10, 1), 1000)).forwarded).toBe(0)
})

test('axes end at round numbers', () => {
  expect([0, 0.3, 3, 40, 1234, 5000].map((largest) => axisEnd(largest, 1))).toEqual([1, 1, 5, 50, 2000, 5000])
})
