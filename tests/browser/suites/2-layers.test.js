import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callWith, everybodyReceives } from '../lib/call.js'
import { sleep, until } from '../lib/wait.js'

for (const v1 of [true, false]) {
  test(`A viewer who asks for small, middle and large pictures gets each, by ${v1 ? 'v1' : 'v0'}, without a freeze of a second`, { timeout: 300_000 }, async (t) => {
    const { server, people, why } = await callWith(t, ['Chromium', 'Chromium'], { sameBrowser: true })
    const [publisher, viewer] = people
    await publisher.join(server, 'layers', { v1 })
    await viewer.join(server, 'layers', { v1 })
    await publisher.publish({ width: 960, height: 540, fps: 15, simulcast: true, bitrate: 900_000 })
    await everybodyReceives([viewer], why)
    const widths = { q: 240, h: 480, f: 960 }
    const width = async () => (await viewer.incoming()).find((row) => row.kind === 'video')?.frameWidth
    // The encoder may take a while to start its largest layer.
    await viewer.call('setQuality', 'f')
    await until('the large picture comes', async () => (await width()) === widths.f, { why })
    await viewer.call('watch')
    for (const letter of ['q', 'h', 'f', 'q', 'f', 'h']) {
      await viewer.call('setQuality', letter)
      await until(`the picture is ${widths[letter]} wide`, async () => (await width()) === widths[letter], { deadline: 20_000, why })
      await sleep(1500)
    }
    const [watch] = await viewer.call('watched')
    t.diagnostic(`longest time without a new frame: ${Math.round(watch.longest)} ms; sizes: ${watch.sizes.join(' ')}`)
    assert.ok(watch.longest < 1000, `froze for ${Math.round(watch.longest)} ms\n${await why()}`)
  })
}
