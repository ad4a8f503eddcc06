import assert from 'node:assert/strict'
import { openPerson, startBrowser, whyOf } from './browsers.js'
import { startServer } from './server.js'
import { startSite } from './site.js'
import { sleep, until } from './wait.js'

/** A server, and one person for each browser named, not yet in a room. */
export async function callWith(t, engines, { sameBrowser = false, env = {} } = {}) {
  const server = await startServer(t, { env })
  const site = await startSite(t)
  const people = []
  const shared = new Map()
  for (const [index, engine] of engines.entries()) {
    const browser = (sameBrowser && shared.get(engine)) || (await startBrowser(t, engine))
    shared.set(engine, browser)
    people.push({ ...(await openPerson(t, browser, site, `${String.fromCharCode(97 + index)}-${engine.toLowerCase()}`)), browser })
  }
  return { server, people, why: whyOf(server, ...people) }
}

/** Waits until each person decodes `frames` new frames, and hears, every other one who publishes. */
export async function everybodyReceives(people, why, { others = people.length - 1, frames = 10, audio = true, deadline = 90_000 } = {}) {
  for (const person of people) {
    await until(
      `${person.name} sees and hears ${others} others`,
      async () => {
        const rows = await person.incoming()
        const seen = rows.filter((row) => row.kind === 'video' && row.framesDecoded >= frames)
        const heard = rows.filter((row) => row.kind === 'audio' && row.totalAudioEnergy > 0)
        return seen.length >= others && (!audio || heard.length >= others)
      },
      { deadline, every: 500, why },
    )
  }
}

/** Frames keep coming and sound keeps coming over `seconds`, without a freeze of a second or more. */
export async function mediaFlows(people, why, seconds = 8) {
  const before = await Promise.all(people.map((person) => person.incoming()))
  await Promise.all(people.map((person) => person.call('watch')))
  await sleep(seconds * 1000)
  for (const [index, person] of people.entries()) {
    const after = await person.incoming()
    for (const row of after) {
      const earlier = before[index].find((each) => each.trackSid === row.trackSid)
      const told = `${person.name} (${person.engine}) receiving ${row.kind} of ${row.who}`
      assert.ok(earlier, `${told}: a track that was not there before`)
      if (row.kind === 'video') {
        const decoded = row.framesDecoded - earlier.framesDecoded
        assert.ok(decoded >= seconds * 2, `${told}: ${decoded} frames in ${seconds} s\n${await why()}`)
      } else {
        assert.ok(row.totalAudioEnergy > earlier.totalAudioEnergy, `${told}: no energy\n${await why()}`)
      }
    }
    for (const watch of await person.call('watched')) {
      assert.ok(watch.longest < 1000, `${person.name} (${person.engine}): ${watch.who} froze for ${Math.round(watch.longest)} ms\n${await why()}`)
    }
  }
}

/** Share of the samples played between two records that were made up because nothing had arrived. */
export function concealment(before, after) {
  const shares = after
    .filter((row) => row.kind === 'audio')
    .map((row) => {
      const earlier = before.find((each) => each.trackSid === row.trackSid)
      const played = row.totalSamplesReceived - earlier.totalSamplesReceived
      // Made-up silence in a pause of the speaker disturbs nobody.
      const made = (each) => each.concealedSamples - (each.silentConcealedSamples ?? 0)
      return played > 0 ? (made(row) - made(earlier)) / played : 1
    })
  return Math.max(...shares)
}
