import { test } from 'node:test'
import { callWith, everybodyReceives } from '../lib/call.js'
import { until } from '../lib/wait.js'

test('Eight people in one room all publish and all decode all', { timeout: 600_000 }, async (t) => {
  const { server, people, why } = await callWith(t, Array(8).fill('Chromium'), { sameBrowser: true })
  for (const person of people) {
    await person.join(server, 'eight')
    // Small and slow: eight encoders and fifty-six decoders share this machine with the server.
    await person.publish({ width: 160, height: 90, fps: 5, bitrate: 60_000 })
  }
  await everybodyReceives(people, why, { frames: 5, deadline: 180_000 })
  const before = await Promise.all(people.map((person) => person.incoming()))
  for (const [index, person] of people.entries()) {
    await until(
      `everybody still moves for ${person.name}`,
      async () => {
        const rows = (await person.incoming()).filter((row) => row.kind === 'video')
        return rows.length === 7 && rows.every((row) => row.framesDecoded > before[index].find((each) => each.trackSid === row.trackSid).framesDecoded + 5)
      },
      { deadline: 90_000, every: 500, why: () => person.why() },
    )
  }
})
