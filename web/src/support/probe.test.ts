import { expect, test } from 'vitest'
import { judged } from './probe'

test('echoes that did not come back are the loss, and the others give the round trip', () => {
  expect(judged([20, 30, 22], 4)).toEqual({ rtt_ms: 22, jitter_ms: 9, loss_permille: 250 })
  expect(judged([], 4)).toEqual({ loss_permille: 1000 })
})
