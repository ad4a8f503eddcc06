// What a professional meets before the list: login, registration, the second factor, an identity proven elsewhere.
import { confirmAddress, enrol, givePassword, JEANNE, logOut, ODILE, register } from '../lib/clinic.js'
import { linkSent } from '../lib/mail.js'
import { button, fill, fillAll, press, see, seeHeading } from '../lib/press.js'

export async function entrance(world, look) {
  const { server, words: { pro } } = world
  const desk = await world.atDesk('/connexion')
  await seeHeading(desk, pro.loginTitle)
  await look('login', desk)
  await visit(desk, '/connexion#probleme=card-missing')
  await see(desk, pro.problems['card-missing'])
  await look('login-problem', desk)
  await visit(desk, '/connexion/oubli')
  await look('forgot', desk)
  await fill(desk, pro.email, JEANNE.email)
  await press(desk, pro.forgotSend)
  await see(desk, pro.forgotSent)
  await look('forgot-sent', desk)
  await visit(desk, '/connexion/mot-de-passe#inconnu')
  await look('new-password', desk)

  await visit(desk, '/inscription')
  await desk.page.locator(`option[value="${JEANNE.profession}"]`).waitFor({ state: 'attached' })
  await look('register', desk)
  await fillAll(desk, { [pro.firstName]: JEANNE.first, [pro.lastName]: JEANNE.name, [pro.rpps]: '10101010106' })
  await desk.page.getByLabel(pro.profession, { exact: true }).selectOption(JEANNE.profession)
  await fillAll(desk, { [pro.email]: JEANNE.email, [pro.emailAgain]: JEANNE.email, [pro.newPassword]: 'motdepasse1234' })
  await desk.page.getByLabel(pro.terms).check()
  await press(desk, pro.register)
  await desk.page.locator('.field-error').first().waitFor()
  await look('register-refused', desk)
  await register(desk, JEANNE)
  await look('check-mail', desk)
  await desk.page.goto(await linkSent(server, 'mails', '/inscription/confirmer', { to: JEANNE.email }))
  await button(desk, pro.confirmButton).waitFor()
  await look('confirm', desk)
  await confirmAddress(desk, JEANNE)
  await look('confirmed', desk)
  await givePassword(desk, JEANNE)
  await enrol(desk, look)
  await seeHeading(desk, pro.listTitle)
  await logOut(desk)
  await givePassword(desk, JEANNE)
  await seeHeading(desk, pro.mfaTitle)
  await look('second-factor', desk)
  await press(desk, pro.mfaUseRecovery)
  await look('recovery', desk)

  const known = await world.atDesk('/connexion')
  await press(known, pro.loginPsc)
  await known.page.getByRole('button', { name: /Jeanne MARTIN/ }).click()
  await button(known, pro.identityMine(JEANNE.email)).waitFor()
  await look('identity-offer', known)
  const nurse = await world.atDesk('/connexion')
  await press(nurse, pro.loginPsc)
  await nurse.page.getByRole('button', { name: /Odile FAURE/ }).click()
  await press(nurse, pro.identityNew)
  await seeHeading(nurse, pro.registerTitle)
  await look('register-proven', nurse)

  const closed = await world.atDesk('/inscription')
  await closed.page.getByLabel(pro.interestTele).uncheck()
  const other = { ...ODILE, email: 'autre@cabinet.example' }
  await register(closed, other)
  await confirmAddress(closed, other)
  await givePassword(closed, other)
  await enrol(closed)
  await seeHeading(closed, pro.toolTitle)
  await look('tool-closed', closed)
}

/** Another page altogether, also where only the fragment differs. */
async function visit(desk, path) {
  await desk.page.goto('about:blank')
  await desk.page.goto(`${desk.server.http}${path}`)
  await desk.page.locator('h1').waitFor()
}
