import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callWith, everybodyReceives, mediaFlows } from '../lib/call.js'
import { until } from '../lib/wait.js'

for (const engines of [['Chromium', 'Chromium'], ['Chromium', 'Firefox']]) {
  for (const v1 of [true, false]) {
    const version = v1 ? 'v1' : 'v0'
    test(`${engines.join(' and ')} see and hear each other by ${version}`, { timeout: 300_000 }, async (t) => {
      const { server, people, why } = await callWith(t, engines)
      for (const person of people) {
        await person.join(server, 'two', { v1 })
        await person.publish({ width: 640, height: 360, fps: 15 })
      }
      await everybodyReceives(people, why)
      await mediaFlows(people, why)
      for (const person of people) {
        const { sockets, state } = await person.state()
        assert.equal(state, 'connected')
        assert.deepEqual(sockets, [v1 ? '/rtc/v1' : '/rtc'], `${person.name} spoke ${version} at the first attempt`)
      }
    })
  }
}

test('A person who comes later sees those already there, and a person who leaves is gone for the others', { timeout: 240_000 }, async (t) => {
  const { server, people, why } = await callWith(t, ['Chromium', 'Chromium'], { sameBrowser: true })
  const [first, late] = people
  await first.join(server, 'later')
  await first.publish()
  await late.join(server, 'later')
  await everybodyReceives([late], why)
  await late.call('leave')
  await until('the first person is alone', async () => (await first.state()).people.length === 0, { deadline: 20_000, why })
})
