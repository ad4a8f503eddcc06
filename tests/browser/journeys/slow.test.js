import { test } from 'node:test'
import { appointment, professional } from '../lib/clinic.js'
import { linkSent } from '../lib/mail.js'
import { agree, atScreen, begin, checkDevices, tellPlace } from '../lib/patient.js'
import { startWorld } from '../lib/world.js'

/** A telephone of the lower class on a weak line: processor, bits a second, milliseconds for each way there and back. */
const CPU = 4
const DOWN_BPS = 1_600_000
const UP_BPS = 750_000
const LATENCY_MS = 150

test('A slow telephone on a weak line gets from the link to the waiting room, and it is told how long that takes', { timeout: 300_000 }, async (t) => {
  const world = await startWorld(t)
  const doctor = await professional(world)
  await appointment(doctor, { email: 'anne@maison.example' })
  const anne = await world.onPhone('about:blank')
  const debug = await anne.page.context().newCDPSession(anne.page)
  await debug.send('Network.enable')
  await debug.send('Network.emulateNetworkConditions', { offline: false, latency: LATENCY_MS, downloadThroughput: DOWN_BPS / 8, uploadThroughput: UP_BPS / 8 })
  await debug.send('Emulation.setCPUThrottlingRate', { rate: CPU })
  let bytes = 0
  debug.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength))
  const started = performance.now()
  const told = (what, since) => t.diagnostic(`${what}: ${((performance.now() - since) / 1000).toFixed(1)} s, ${Math.round(bytes / 1000)} kB so far`)
  await anne.page.goto(await linkSent(world.server, 'mails', '/c'), { waitUntil: 'commit' })
  await anne.page.locator('[data-test=begin]').waitFor()
  told('from the link to the page that can be tapped', started)
  const tapped = performance.now()
  await begin(anne)
  await agree(anne)
  await tellPlace(anne)
  await checkDevices(anne)
  await atScreen(anne, 'waiting')
  told('from the tap to the waiting room, by a person who presses at once', tapped)
})
