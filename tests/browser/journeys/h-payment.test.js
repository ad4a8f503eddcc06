import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appointment, endForAll, enterCall, JEANNE, letIn, professional, seeEachOther } from '../lib/clinic.js'
import { activatePayment, tab } from '../lib/desk.js'
import { linkSent, message } from '../lib/mail.js'
import { violations } from '../lib/pages.js'
import { atScreen, begin, onward } from '../lib/patient.js'
import { fill, press } from '../lib/press.js'
import { startWorld } from '../lib/world.js'

/** Pages of the emulated provider. */
const PROVIDER = /^http:\/\/127\.0\.0\.1:\d+\/pay\//

test('journey_h_payment_is_activated_asked_for_in_the_call_refused_once_and_paid_on_the_page_of_the_provider', { timeout: 480_000 }, async (t) => {
  const world = await startWorld(t, { env: { CHEVET_CLINIC__ADMINISTRATORS: JSON.stringify([JEANNE.email]) } })
  const { server, words: { payment: words } } = world
  const doctor = await professional(world)
  await activatePayment(doctor)
  assert.deepEqual(await violations(doctor.page), [])
  await message(server, 'mails', { to: JEANNE.email, says: 'paiement' })
  await appointment(doctor, { email: 'anne@maison.example' })
  const anne = await world.onPhone(await linkSent(server, 'mails', '/c'))
  await begin(anne)
  await onward(anne)
  await enterCall(doctor)
  await letIn(doctor)
  await seeEachOther([doctor, anne])

  await tab(doctor, words.title)
  await fill(doctor, words.amount, '25,00')
  await press(doctor, words.ask)
  const card = anne.page.locator('[data-test=payment]')
  await card.waitFor()
  assert.deepEqual(await violations(anne.page), [])
  /** What the patient does on the provider's page, in a tab of its own; the call goes on in the other. */
  const atProvider = async (doing) => {
    const [shop] = await Promise.all([anne.page.context().waitForEvent('page'), card.locator('[data-test=pay]').click()])
    await shop.getByRole('button', { name: doing, exact: true }).click()
    await shop.waitForURL(/payments\/back/)
    await shop.close()
  }
  await atProvider('Refuser la carte')
  await anne.page.locator('[data-test=payment][data-stage=failed]').waitFor()
  await seeEachOther([doctor, anne])
  await atProvider('Payer')
  await anne.page.locator('[data-test=payment][data-stage=paid]').waitFor()
  assert.deepEqual(await violations(anne.page), [])
  await doctor.page.locator('[data-test=payment]').getByText(/Payé 25,00\s€ à \d\d:\d\d/).first().waitFor()
  await endForAll(doctor)
  await atScreen(anne, 'end')
  await anne.page.locator('[data-test=payment][data-stage=paid]').waitFor()
  world.noComplaints(PROVIDER)
})
