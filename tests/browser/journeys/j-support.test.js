import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appointment, enterCall, JEANNE, letIn, ODILE, professional, seeEachOther } from '../lib/clinic.js'
import { lastNumber, linkSent, message } from '../lib/mail.js'
import { violations } from '../lib/pages.js'
import { begin, onward } from '../lib/patient.js'
import { fill, press, see } from '../lib/press.js'
import { startWorld } from '../lib/world.js'

test('journey_j_a_patient_in_trouble_reads_a_code_out_and_the_support_sees_what_happened_and_nobody', { timeout: 480_000 }, async (t) => {
  const world = await startWorld(t, { env: { CHEVET_CLINIC__ADMINISTRATORS: JSON.stringify([JEANNE.email]) } })
  const { server, words: { support: words, admin, pro } } = world
  const helper = await professional(world, ODILE)
  const doctor = await professional(world)
  // The administrator makes the nurse a helper.
  await doctor.page.goto(`${server.http}/admin/utilisateurs`)
  await doctor.page.getByRole('button', { name: admin.about(admin.changeRoles, `${ODILE.first} ${ODILE.name}`) }).click()
  await doctor.page.getByRole('dialog').getByLabel(admin.roles.support).check()
  await doctor.page.getByRole('dialog').getByRole('button', { name: pro.save, exact: true }).click()
  await see(doctor, admin.rolesChanged)

  await appointment(doctor, { email: 'anne@maison.example' })
  const anne = await world.onPhone(await linkSent(server, 'mails', '/c', { to: 'anne@maison.example' }))
  await begin(anne)
  await onward(anne)
  await enterCall(doctor)
  await letIn(doctor)
  await seeEachOther([doctor, anne])
  await anne.page.locator('[data-test=more]').click()
  await anne.page.locator('[data-test=send-diagnostic]').click()
  const code = (await anne.page.locator('[data-test=support-code]').textContent()).trim()
  assert.match(code, /^[A-Z0-9]{6}$/)

  await helper.page.goto(`${server.http}/support`)
  await fill(helper, words.code, 'XXXXXX')
  await press(helper, words.find)
  await see(helper, words.codeUnknown)
  await fill(helper, words.code, code.toLowerCase())
  await press(helper, words.find)
  await see(helper, words.timeline)
  await see(helper, words.consultation)
  assert.deepEqual(await violations(helper.page), [])
  const shown = await helper.page.locator('main').textContent()
  for (const secret of ['Lefèvre', 'Anne', 'anne@maison.example', JEANNE.name, '127.0.0.1']) assert.ok(!shown.includes(secret), `${secret} is not for the support`)

  const before = await lastNumber(server)
  await helper.page.getByRole('button', { name: new RegExp(`^${words.resend}`) }).first().click()
  await see(helper, words.resent)
  await message(server, 'mails', { to: 'anne@maison.example', after: before })
  world.noComplaints()
})
