import { createHmac } from 'node:crypto'
import { sleep } from './wait.js'

const STEP_S = 30

/** RFC 6238 with its defaults. */
function codeAt(secret, step) {
  const bits = [...secret].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const digest = createHmac('sha1', key).update(counter).digest()
  return String((digest.readUInt32BE(digest[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

/** An authenticator on a telephone whose owner knows that a code is good once, and takes the next one. */
export function authenticator(secret) {
  let used = 0
  return {
    async code() {
      // The server takes the step that comes next as well: nobody waits unless codes follow each other closely.
      const step = Math.max(used + 1, Math.floor(Date.now() / 1000 / STEP_S))
      while (Date.now() / 1000 < (step - 1) * STEP_S) await sleep(500)
      used = step
      return codeAt(secret, step)
    },
  }
}
