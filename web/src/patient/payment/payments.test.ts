import { expect, test } from 'vitest'
import type { PaymentState } from '../../api/payments'
import { amountText, asideKey, foremost, stageOf, type Payment } from './payments'

const payment = (id: string, state: PaymentState, payable = true): Payment => ({
  id,
  amount_cents: 2500,
  currency: 'EUR',
  label: 'Téléconsultation',
  state,
  payable,
  refunded_cents: 0,
})

test.each([
  ['requested', true, 'to-pay'],
  ['requested', false, 'gone'],
  ['opened', true, 'open'],
  ['failed', true, 'failed'],
  ['failed', false, 'gone'],
  ['processing', false, 'processing'],
  ['paid', false, 'paid'],
  ['partially_refunded', false, 'paid'],
  ['refunded', false, 'refunded'],
  ['cancelled', false, 'gone'],
  ['expired', false, 'gone'],
] as const)('a payment that is %s (payable: %s) is told as %s', (state, payable, stage) => {
  expect(stageOf(payment('p', state, payable))).toBe(stage)
})

test('what is to be done comes before what is done', () => {
  const all = [payment('old', 'paid', false), payment('new', 'requested'), payment('bad', 'failed')]
  expect(foremost(all, new Set())?.id).toBe('bad')
  expect(foremost(all.slice(0, 2), new Set())?.id).toBe('new')
  expect(foremost([payment('gone', 'cancelled', false)], new Set())).toBeUndefined()
})

test('“later” holds until something happens to the payment', () => {
  const asked = payment('p', 'requested')
  const aside = new Set([asideKey(asked)])
  expect(foremost([asked], aside)).toBeUndefined()
  expect(foremost([payment('p', 'paid', false)], aside)?.state).toBe('paid')
})

test('amounts read as people write them', () => {
  expect(amountText(2500, 'EUR', 'fr').replace(/\s/gu, ' ')).toBe('25,00 €')
  expect(amountText(2550, 'EUR', 'en')).toBe('€25.50')
})
