import { expect, test } from 'vitest'
import { eventsIn } from './hints'

test('events are read as they come, in whatever pieces', () => {
  expect(eventsIn('event: hint\ndata: {"what":null}\n\nevent: hint\ndata: {"wh')).toEqual({ data: ['{"what":null}'], rest: 'event: hint\ndata: {"wh' })
  expect(eventsIn('event: hint\r\ndata: a\r\n\r\n')).toEqual({ data: ['a'], rest: '' })
})

test('a sign of life is no event', () => {
  expect(eventsIn(':\n\ndata: b\n\n')).toEqual({ data: ['b'], rest: '' })
})
