import assert from 'node:assert/strict'
import { test } from 'node:test'
import { confirmAddress, enrol, givePassword, JEANNE, logOut, ODILE, professional, register } from '../lib/clinic.js'
import { lastNumber, linkSent, message } from '../lib/mail.js'
import { violations } from '../lib/pages.js'
import { button, field, fill, fillAll, press, see, seeHeading } from '../lib/press.js'
import { startWorld } from '../lib/world.js'

/** Pages of the emulated Pro Santé Connect. */
const PSC = /^http:\/\/(localhost|127\.0\.0\.1):\d+\//

/** Through the provider's page, as the person whose button is pressed there. */
async function byProSanteConnect(desk, name) {
  await desk.page.goto(`${desk.server.http}/connexion`)
  await press(desk, desk.words.pro.loginPsc)
  await desk.page.getByRole('button', { name }).click()
}

for (const desk of ['Chromium', 'Firefox']) {
  test(`journey_a_a_doctor_registers_confirms_the_address_and_logs_in_by_code_and_by_recovery_code (${desk})`, { timeout: 300_000 }, async (t) => {
    const world = await startWorld(t, { desk })
    const { server, words: { pro } } = world
    const doctor = await world.atDesk('/inscription')
    await register(doctor, JEANNE)
    await message(server, 'mails', { to: JEANNE.email, says: 'Confirmez votre adresse' })
    const before = await lastNumber(server)
    await press(doctor, pro.resendMail)
    await see(doctor, pro.mailResent)
    const link = await linkSent(server, 'mails', '/inscription/confirmer', { to: JEANNE.email, after: before })
    await confirmAddress(doctor, JEANNE)
    await see(doctor, pro.confirmedActive)
    await message(server, 'mails', { to: JEANNE.email, says: 'Votre inscription est validée' })
    await doctor.page.goto('about:blank')
    await doctor.page.goto(link)
    await press(doctor, pro.confirmButton)
    await see(doctor, pro.linkDead)

    await givePassword(doctor, { ...JEANNE, password: 'sept tortues vertes au marché' })
    await doctor.page.locator('.notice-bad').waitFor()
    await givePassword(doctor, JEANNE)
    const { phone, recovery } = await enrol(doctor)
    await seeHeading(doctor, pro.listTitle)
    await logOut(doctor)

    await givePassword(doctor, JEANNE)
    await seeHeading(doctor, pro.mfaTitle)
    assert.deepEqual(await violations(doctor.page), [])
    await fill(doctor, pro.mfaCode, await phone.code())
    await press(doctor, pro.confirm)
    await seeHeading(doctor, pro.listTitle)
    await logOut(doctor)

    await givePassword(doctor, JEANNE)
    await press(doctor, pro.mfaUseRecovery)
    await fill(doctor, pro.recoveryCode, recovery[0])
    await press(doctor, pro.confirm)
    await seeHeading(doctor, pro.listTitle)
    await message(server, 'mails', { to: JEANNE.email, says: 'Un code de secours a servi' })
    await doctor.page.getByRole('link', { name: pro.navAccount }).click()
    await see(doctor, pro.codesLeft(recovery.length - 1))
    assert.equal(await field(doctor, pro.identityCheck).inputValue(), 'none', 'patients are asked nothing unless the professional says so')
    await logOut(doctor)

    await givePassword(doctor, JEANNE)
    await press(doctor, pro.mfaUseRecovery)
    await fill(doctor, pro.recoveryCode, recovery[0])
    await press(doctor, pro.confirm)
    await doctor.page.locator('.notice-bad').waitFor()
    world.noComplaints()
  })

  test(`journey_a_pro_sante_connect_is_bound_to_the_account_that_has_the_number_and_makes_accounts (${desk})`, { timeout: 300_000 }, async (t) => {
    const world = await startWorld(t, { desk })
    const { words: { pro } } = world
    const doctor = await professional(world)
    await logOut(doctor)
    await byProSanteConnect(doctor, /Annuler/)
    await see(doctor, pro.problems['login-cancelled'])
    assert.deepEqual(await violations(doctor.page), [])

    await byProSanteConnect(doctor, /Jeanne MARTIN/)
    await press(doctor, pro.identityMine(JEANNE.email))
    await seeHeading(doctor, pro.listTitle)
    await logOut(doctor)
    await byProSanteConnect(doctor, /Jeanne MARTIN/)
    await seeHeading(doctor, pro.listTitle)

    const nurse = await world.atDesk('/connexion')
    await byProSanteConnect(nurse, /Odile FAURE/)
    await press(nurse, pro.identityNew)
    await seeHeading(nurse, pro.registerTitle)
    assert.deepEqual(await violations(nurse.page), [])
    await fillAll(nurse, { [pro.email]: ODILE.email, [pro.emailAgain]: ODILE.email })
    await nurse.page.getByLabel(pro.terms).check()
    await press(nurse, pro.register)
    await seeHeading(nurse, pro.checkMailTitle)
    await confirmAddress(nurse, ODILE)
    await byProSanteConnect(nurse, /Odile FAURE/)
    await seeHeading(nurse, pro.listTitle)
    world.noComplaints(PSC)
  })
}

test('journey_a_an_administrator_lets_a_registration_in_and_refuses_another', { timeout: 300_000 }, async (t) => {
  const chief = { ...JEANNE, email: 'chef@cabinet.example' }
  const world = await startWorld(t, {
    env: { CHEVET_CLINIC__APPROVAL: 'manual', CHEVET_CLINIC__ADMINISTRATORS: JSON.stringify([chief.email]) },
  })
  const { server, words: { admin: words, pro } } = world
  const admin = await professional(world, chief)
  const stranger = { ...JEANNE, first: 'Max', name: 'Inconnu', rpps: '10002345678', email: 'max@ailleurs.example' }
  for (const person of [ODILE, stranger]) {
    const desk = await world.atDesk('/inscription')
    await register(desk, person)
    await confirmAddress(desk, person)
    await see(desk, pro.confirmedPending)
    await givePassword(desk, person)
    await desk.page.locator('.notice-bad').waitFor()
    await message(server, 'mails', { to: chief.email, says: 'Une inscription attend votre validation' })
  }
  await admin.page.getByRole('link', { name: pro.navAdmin }).click()
  await see(admin, `${ODILE.first} ${ODILE.name}`)
  assert.deepEqual(await violations(admin.page), [])
  const before = await lastNumber(server)
  await press(admin, words.approveName(`${ODILE.first} ${ODILE.name}`))
  await message(server, 'mails', { to: ODILE.email, says: 'Votre inscription est validée', after: before })
  await press(admin, words.refuseName(`${stranger.first} ${stranger.name}`))
  await fill(admin, words.refuseReason, 'Numéro inconnu de l’annuaire.')
  await admin.page.getByRole('dialog').getByRole('button', { name: words.refuse, exact: true }).click()
  const refusal = await message(server, 'mails', { to: stranger.email, says: 'n’a pas été acceptée' })
  assert.match(refusal.text, /Numéro inconnu de l’annuaire/)
  await see(admin, words.registrationsEmpty)

  const nurse = await world.atDesk('/connexion')
  await givePassword(nurse, ODILE)
  await enrol(nurse)
  await seeHeading(nurse, pro.listTitle)
  world.noComplaints()
})

test('journey_a_without_the_interest_the_tool_is_closed_until_it_is_added', { timeout: 240_000 }, async (t) => {
  const world = await startWorld(t)
  const { words: { pro } } = world
  const desk = await world.atDesk('/inscription')
  await desk.page.getByLabel(pro.interestTele).uncheck()
  await register(desk, JEANNE)
  await confirmAddress(desk, JEANNE)
  await givePassword(desk, JEANNE)
  await enrol(desk)
  await seeHeading(desk, pro.toolTitle)
  assert.equal(await button(desk, pro.immediate).count(), 0)
  assert.deepEqual(await violations(desk.page), [])
  await press(desk, pro.toolAdd)
  await seeHeading(desk, pro.listTitle)
  await button(desk, pro.immediate).waitFor()
  world.noComplaints()
})

test('journey_a_a_forgotten_password_is_replaced_by_mail_and_the_form_says_what_is_wrong_with_it', { timeout: 240_000 }, async (t) => {
  const world = await startWorld(t)
  const { server, words: { pro } } = world
  const doctor = await professional(world)
  await logOut(doctor)
  await doctor.page.getByRole('link', { name: pro.forgot }).click()
  await fill(doctor, pro.email, JEANNE.email)
  await press(doctor, pro.forgotSend)
  await see(doctor, pro.forgotSent)
  await doctor.page.goto(await linkSent(server, 'mails', '/connexion/mot-de-passe', { to: JEANNE.email }))
  await fill(doctor, pro.newPassword, 'motdepasse1234')
  await press(doctor, pro.save)
  await see(doctor, pro.fieldProblems['too-guessable'])
  assert.deepEqual(await violations(doctor.page), [])
  await fill(doctor, pro.newPassword, 'huit escargots bleus au jardin')
  await press(doctor, pro.save)
  await see(doctor, pro.newPasswordDone)
  await fillAll(doctor, { [pro.email]: JEANNE.email, [pro.password]: 'huit escargots bleus au jardin' })
  await press(doctor, pro.login)
  await fill(doctor, pro.mfaCode, await doctor.phone.code())
  await press(doctor, pro.confirm)
  await seeHeading(doctor, pro.listTitle)
  world.noComplaints()
})
