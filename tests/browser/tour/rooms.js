// The call by a token, without the clinic: what portals open.
import { enterCall, joinLink, pressEnter } from '../lib/pages.js'
import { DOCTOR, PATIENT } from '../lib/portrait.js'
import { fill, press, seeHeading } from '../lib/press.js'
import { until } from '../lib/wait.js'

export async function rooms(world, look) {
  const { server, words: { operator: words } } = world
  const at = (link) => new URL(link)
  const doctor = await world.atDesk(at(joinLink(server, 'consultation-du-matin', 'medecin', 'Dr Camille Lefèvre')), { portrait: DOCTOR, permission: 'prompt' })
  await doctor.page.locator('[data-test=allow]').waitFor()
  await look('room-permissions', doctor)
  await doctor.page.locator('[data-test=allow]').click()
  await doctor.page.locator('[data-test=enter]').waitFor()
  await look('room-join', doctor)
  await enterCall(doctor.page)
  await look('room-alone', doctor)
  const jeanne = await world.atDesk(at(joinLink(server, 'consultation-du-matin', 'patient', 'Jeanne Moreau')), { portrait: PATIENT })
  await enterCall(jeanne.page)
  await until('they see each other', async () => (await doctor.page.locator('.tile video').count()) === 2)
  await jeanne.page.click('[data-test=files]')
  await jeanne.page.locator('.files-input').setInputFiles({ name: 'photo-genou.jpg', mimeType: 'image/jpeg', buffer: Buffer.alloc(182_000, 7) })
  await doctor.page.locator('[data-test=files]').click()
  await doctor.page.locator('.transfer[data-state=done]').waitFor()
  await look('room-files', doctor)
  const operator = await world.atDesk('/test')
  // In --dev rooms are open to everybody; here they are as on a real server.
  await operator.page.route('**/debug/rooms**', (route) => (route.request().headers().authorization === 'Bearer devkey:secret' ? route.continue() : route.fulfill({ status: 401, contentType: 'application/problem+json', body: '{"code":"unauthenticated"}' })))
  await operator.page.goto(`${server.http}/exploitation`)
  await operator.page.getByLabel(words.key).waitFor()
  await until('a cost is measured', async () => /\d\sµs/.test(await operator.page.locator('.plots').textContent()))
  await look('operator-key', operator)
  await fill(operator, words.key, 'devkey:secret')
  await press(operator, words.unlock)
  await press(operator, words.detailsOf('consultation-du-matin'))
  await seeHeading(operator, words.pictures)
  await look('operator-room', operator)
  await doctor.page.click('[data-test=leave]')
  await doctor.page.locator('[data-test=return]').waitFor()
  await look('room-left', doctor)
  for (const [name, link] of [
    ['room-no-link', `${server.http}/join`],
    ['room-expired', joinLink(server, 'salle', 'x', 'x', { seconds: -3600 })],
  ]) {
    const visitor = await world.atDesk(at(link))
    await visitor.page.locator('h1').waitFor()
    await look(name, visitor)
  }
  const forged = await world.atDesk(at(joinLink(server, 'salle', 'x', 'x', { secret: 'not the secret of this server' })))
  await pressEnter(forged.page)
  await forged.page.locator('.notice-bad').waitFor()
  await look('room-refused', forged)
}
