import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Captions, offerCaption, onOfferedCaption, speakerOf, type Caption } from './captions'

const caption = (id: string, text: string, more: Partial<Caption> = {}): Caption => ({ id, identity: 'anne', text, final: true, ...more })
const texts = (captions: Captions): string[] => captions.list().map(({ text }) => text)

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a text that is corrected takes the place of the one before', () => {
  const captions = new Captions(() => undefined)
  expect(captions.came).toBe(false)
  captions.heard(caption('1', 'Bon', { final: false }))
  captions.heard(caption('2', 'Oui.'))
  captions.heard(caption('1', 'Bonjour docteur.'))
  expect(texts(captions)).toEqual(['Bonjour docteur.', 'Oui.'])
  expect(captions.list().every(({ final }) => final)).toBe(true)
  expect(captions.came).toBe(true)
})

test('few are shown, of a long one the end, and of nothing nothing', () => {
  const captions = new Captions(() => undefined)
  for (const id of ['1', '2', '3', '4']) captions.heard(caption(id, id))
  expect(texts(captions)).toEqual(['2', '3', '4'])
  captions.heard(caption('5', `${'x'.repeat(1000)} fin`))
  expect(texts(captions)[2]).toHaveLength(240)
  expect(texts(captions)[2]).toMatch(/fin$/)
  captions.heard(caption('6', '  '))
  expect(captions.list()).toHaveLength(3)
})

test('each goes when there was time to read it, counted from its last change', () => {
  let changes = 0
  const captions = new Captions(() => (changes += 1))
  captions.heard(caption('1', 'Bon', { final: false }))
  vi.advanceTimersByTime(8000)
  captions.heard(caption('1', 'Bonjour.'))
  vi.advanceTimersByTime(8000)
  expect(texts(captions)).toEqual(['Bonjour.'])
  vi.advanceTimersByTime(2000)
  expect(texts(captions)).toEqual([])
  expect(captions.came).toBe(true)
  expect(changes).toBe(3)
})

test('after the end nothing is left and nothing happens any more', () => {
  let changes = 0
  const captions = new Captions(() => (changes += 1))
  captions.heard(caption('1', 'Bonjour.'))
  captions.end()
  vi.advanceTimersByTime(60_000)
  expect(texts(captions)).toEqual([])
  expect(changes).toBe(1)
})

test('nobody puts words into the mouth of another', () => {
  expect(speakerOf({ identity: 'robot', isAgent: true }, 'anne')).toBe('anne')
  expect(speakerOf({ identity: '', isAgent: false }, 'anne')).toBe('anne')
  expect(speakerOf({ identity: 'bob', isAgent: false }, 'anne')).toBe('bob')
  expect(speakerOf({ identity: 'robot', isAgent: true }, undefined)).toBe('robot')
})

test('what the portal offers reaches the calls that listen', () => {
  const heard: string[] = []
  const stop = onOfferedCaption(({ text }) => heard.push(text))
  offerCaption(caption('1', 'Bonjour.'))
  stop()
  offerCaption(caption('2', 'Encore.'))
  expect(heard).toEqual(['Bonjour.'])
})
