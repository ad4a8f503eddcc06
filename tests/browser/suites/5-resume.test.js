import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callWith, concealment, everybodyReceives, mediaFlows } from '../lib/call.js'
import { startProxy } from '../lib/proxy.js'
import { sleep, until } from '../lib/wait.js'

for (const [engine, v1] of [['Chromium', true], ['Chromium', false], ['Firefox', true]]) {
  test(`A ${engine} whose signalling socket is killed resumes by ${v1 ? 'v1' : 'v0'} as the same participant, and the sound never stops`, { timeout: 300_000 }, async (t) => {
    const { server, people, why } = await callWith(t, [engine, 'Chromium'])
    const [cut, other] = people
    const proxy = await startProxy(t, server.port)
    await cut.call('join', { url: proxy.ws, token: server.token('resume', cut.name), v1 })
    await other.join(server, 'resume', { v1 })
    for (const person of people) await person.publish({ width: 320, height: 180, fps: 10 })
    await everybodyReceives(people, why)
    const { sid } = await cut.state()
    const before = await cut.incoming()

    proxy.cut()
    await until('it has resumed', async () => {
      const { state, events } = await cut.state()
      return state === 'connected' && events.includes('reconnected')
    }, { deadline: 60_000, why })

    const after = await cut.state()
    assert.equal(after.sid, sid, 'a resume keeps the participant')
    assert.ok(!after.events.includes('reconnecting'), `a full reconnect was needed: ${after.events.join(' ')}\n${await why()}`)
    assert.ok(concealment(before, await cut.incoming()) < 0.05)
    const seen = (await other.state()).people
    assert.deepEqual(seen.map((each) => each.sid), [sid])
    await mediaFlows(people, why, 4)
    // The new socket carries on: a mute is told to the other.
    await cut.call('mute')
    await until('the mute is told', async () => (await other.state()).people[0].tracks.some((track) => track.kind === 'audio' && track.isMuted), { deadline: 20_000, why })
  })
}

test('A file sent while the signalling is away still arrives whole', { timeout: 300_000 }, async (t) => {
  const { server, people, why } = await callWith(t, ['Chromium', 'Chromium'], { sameBrowser: true })
  const [sender, receiver] = people
  const proxy = await startProxy(t, server.port)
  await sender.call('join', { url: proxy.ws, token: server.token('away', sender.name) })
  await receiver.join(server, 'away')
  await until('they see each other', async () => (await sender.state()).people.length === 1, { why })
  const expected = await sender.call('sendNoise', { name: 'away', bytes: 20_000_000, seed: 5 })
  await until('the file has begun', async () => (await receiver.state()).received.some((file) => file.size > 0), { every: 20, why })
  proxy.shut()
  await sleep(1500)
  proxy.open()
  const file = await until('the file is whole', async () => (await receiver.state()).received.find((each) => each.done), { deadline: 120_000, why })
  assert.equal(file.error, undefined)
  assert.equal(file.sha256, expected)
})
