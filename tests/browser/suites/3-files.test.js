import assert from 'node:assert/strict'
import { cpus, loadavg } from 'node:os'
import { test } from 'node:test'
import { callWith, concealment, everybodyReceives } from '../lib/call.js'
import { sleep, until } from '../lib/wait.js'

const FILE_BYTES = 50 * 1024 * 1024
/** Share of made-up sound under which nobody hears a disturbance. */
const QUIET = 0.01

const received = async (person, name) => (await person.state()).received.find((file) => file.name === name && file.done)

/** More is asked of the processors than they can give, and the sound suffers from that alone. */
async function machineIsBusy(person) {
  const before = await person.incoming()
  await sleep(8000)
  return loadavg()[0] > 2 * cpus().length && concealment(before, await person.incoming()) >= QUIET / 2
}

/** Waits, for a while, until the machine carries the call alone without making up sound. */
async function undisturbed(person) {
  for (let look = 0; look < 10; look += 1) {
    const before = await person.incoming()
    await sleep(3000)
    if (concealment(before, await person.incoming()) < QUIET / 2) return
  }
}

for (const [engines, v1] of [[['Chromium', 'Chromium'], true], [['Chromium', 'Firefox'], true], [['Chromium', 'Firefox'], false]]) {
  test(`A 50 MB file goes each way between ${engines.join(' and ')} by ${v1 ? 'v1' : 'v0'} during the call, whole, and the sound does not suffer`, { timeout: 1_200_000 }, async (t) => {
    const { server, people, why } = await callWith(t, engines)
    for (const person of people) {
      await person.join(server, 'files', { v1 })
      await person.publish({ width: 320, height: 180, fps: 10 })
    }
    await everybodyReceives(people, why)
    for (const [sender, receiver] of [people, [...people].reverse()]) {
      // Sound is made up as well when the machine keeps a browser waiting for the processor: what counts is that a
      // transfer can go by without a trace in it.
      let best = 1
      for (let attempt = 1; attempt <= 3 && best >= QUIET; attempt += 1) {
        await undisturbed(receiver)
        const name = `from-${sender.name}-${attempt}`
        const before = await receiver.incoming()
        const began = Date.now()
        const expected = await sender.call('sendNoise', { name, bytes: FILE_BYTES, seed: attempt })
        const file = await until(`${receiver.name} has the file`, () => received(receiver, name), { deadline: 240_000, every: 500, why })
        const share = concealment(before, await receiver.incoming())
        t.diagnostic(`${sender.engine} to ${receiver.engine}: ${((Date.now() - began) / 1000).toFixed(1)} s, concealment ${(share * 100).toFixed(2)} %`)
        assert.equal(file.error, undefined)
        assert.equal(file.size, FILE_BYTES)
        assert.equal(file.sha256, expected)
        best = Math.min(best, share)
        if (best >= QUIET && (await machineIsBusy(receiver))) {
          t.diagnostic(`${receiver.name}: not judged, the machine is too busy to carry the sound even without a transfer`)
          best = 0
        }
      }
      assert.ok(best < QUIET, `${receiver.name} had ${(best * 100).toFixed(2)} % of its sound made up\n${await why()}`)
    }
  })
}

test('A receiver that stops reading is cut off cleanly, the others are not held up, and memory stays bounded', { timeout: 420_000 }, async (t) => {
  const { server, people, why } = await callWith(t, ['Chromium', 'Chromium', 'Chromium'])
  const [sender, reader, stuck] = people
  for (const person of people) await person.join(server, 'slow')
  // A first small file shows that all three are linked.
  await sender.call('sendNoise', { name: 'first', bytes: 100_000, seed: 1 })
  for (const person of [reader, stuck]) await until(`${person.name} has the first file`, () => received(person, 'first'), { why })

  const resting = server.residentKib()
  let highest = resting
  const expected = await sender.call('sendNoise', { name: 'big', bytes: FILE_BYTES, seed: 2 })
  await until('the file has begun', async () => (await stuck.state()).received.some((file) => file.name === 'big' && file.size > 0), { every: 20, why })
  stuck.browser.freeze()
  const file = await until(
    'the other reader has the whole file',
    () => {
      highest = Math.max(highest, server.residentKib())
      return received(reader, 'big')
    },
    { deadline: 180_000, every: 200, why: () => reader.why() },
  )
  assert.equal(file.error, undefined)
  assert.equal(file.sha256, expected)
  t.diagnostic(`server memory grew by ${Math.round((highest - resting) / 1024)} MiB`)
  assert.ok(highest - resting < 64 * 1024, `server memory grew from ${resting} to ${highest} KiB`)

  stuck.browser.thaw()
  const broken = await until('the one cut off is told', () => received(stuck, 'big'), { deadline: 90_000, why })
  // A machine that wakes in time may have caught up within the bound; half a file that looks whole is the one wrong end.
  if (broken.error === undefined) assert.equal(broken.sha256, expected)
  t.diagnostic(`the one cut off was told: ${broken.error ?? 'the whole file'}`)
  await until('everybody is connected', async () => (await stuck.state()).state === 'connected', { deadline: 90_000, why })
  await sleep(1000)
  await until(
    'a later file reaches the one cut off',
    async () => {
      await sender.call('sendNoise', { name: 'after', bytes: 100_000, seed: 3 })
      await sleep(2000)
      const late = await received(stuck, 'after')
      return late && late.error === undefined
    },
    { deadline: 60_000, why },
  )
})
