import { permitted } from './patient.js'
import { linkSent } from './mail.js'
import { framesShown } from './pages.js'
import { beginning, button, choose, fill, fillAll, press, pressInDialog, see, seeHeading } from './press.js'
import { authenticator } from './totp.js'
import { until } from './wait.js'

const PASSWORD = 'sept tortues grises au marché'

/** Test professionals; the emulator of Pro Santé Connect knows the same numbers. */
export const JEANNE = { first: 'Jeanne', name: 'Martin', profession: '10', rpps: '10101010105', email: 'docteur@cabinet.example', password: PASSWORD }
export const ODILE = { first: 'Odile', name: 'Faure', profession: '60', rpps: '12345678903', email: 'infirmiere@cabinet.example', password: PASSWORD }

/** From the form of the registration to « Vérifiez vos mails ». */
export async function register(desk, person) {
  const { pro } = desk.words
  await fillAll(desk, { [pro.firstName]: person.first, [pro.lastName]: person.name, [pro.rpps]: person.rpps })
  await choose(desk, pro.profession, person.profession)
  await fillAll(desk, { [pro.email]: person.email, [pro.emailAgain]: person.email, [pro.newPassword]: person.password })
  await desk.page.getByLabel(pro.terms).check()
  await press(desk, pro.register)
  await seeHeading(desk, pro.checkMailTitle)
}

/** Opens the link of the confirmation mail and presses the button there. */
export async function confirmAddress(desk, person) {
  const { pro } = desk.words
  await desk.page.goto(await linkSent(desk.server, 'mails', '/inscription/confirmer', { to: person.email }))
  await press(desk, pro.confirmButton)
  await desk.page.locator('.notice').first().waitFor()
}

/** Address and password; what is asked next is left open. */
export async function givePassword(desk, person) {
  const { pro } = desk.words
  await desk.page.goto(`${desk.server.http}/connexion`)
  await fillAll(desk, { [pro.email]: person.email, [pro.password]: person.password })
  await press(desk, pro.login)
}

/** Sets up the second factor, and keeps what a person would keep. `look` is called at each step. */
export async function enrol(desk, look = async () => undefined) {
  const { pro } = desk.words
  await seeHeading(desk, pro.enrolTitle)
  await look('enrol', desk)
  await press(desk, pro.enrolStart)
  await desk.page.locator('.pro-secret').waitFor()
  await look('enrol-code', desk)
  const phone = authenticator(await desk.page.locator('.pro-secret').textContent())
  await fill(desk, pro.mfaCode, await phone.code())
  await press(desk, pro.confirm)
  await button(desk, pro.recoveryDone).waitFor()
  const recovery = await desk.page.locator('.pro-codes code').allTextContents()
  await look('recovery-codes', desk)
  await press(desk, pro.recoveryDone)
  return { phone, recovery }
}

export async function logOut(desk) {
  // The page of the account has another beside its session.
  await button(desk, desk.words.pro.logout).first().click()
  await seeHeading(desk, desk.words.pro.loginTitle)
}

/** A professional who registers, confirms the address by mail, sets up the second factor and is at the list. */
export async function professional(world, person = JEANNE, options = {}) {
  const desk = await world.atDesk('/inscription', options)
  await register(desk, person)
  await confirmAddress(desk, person)
  await givePassword(desk, person)
  const kept = await enrol(desk)
  await seeHeading(desk, desk.words.pro.listTitle)
  return { ...desk, ...kept, person }
}

/** From now on patients are asked for their birth date at the door. */
export async function askBirthDates(desk) {
  const { pro } = desk.words
  await desk.page.goto(`${desk.server.http}/compte`)
  await choose(desk, pro.identityCheck, 'birth_date')
  await press(desk, pro.save)
  await see(desk, pro.saved)
}

/** The phone icon: a number, a message. The dialog with its lights stays open. */
export async function immediateCall(desk, number) {
  const { pro } = desk.words
  await press(desk, pro.immediate)
  await fill(desk, pro.immediatePhone, number)
  await press(desk, pro.immediateSend)
  await desk.page.locator('.pro-invitation').waitFor()
}

/** Waits until a light of the one invitation shown is on. */
export async function lightOn(desk, light) {
  const { pro } = desk.words
  const words = new RegExp(`${light}\\s*:\\s*${pro.lightYes}`)
  await until(light, async () => words.test(await desk.page.locator('.pro-invitation').first().textContent()), { why: desk.why })
}

export const ANNE = { birthName: 'Lefèvre', firstNames: 'Anne', birthDate: '1941-03-02' }

export async function fillPatient(desk, patient = ANNE) {
  const { pro } = desk.words
  await fillAll(desk, { [pro.birthName]: patient.birthName, [pro.firstNames]: patient.firstNames, [pro.birthDate]: patient.birthDate })
}

/**
 * The form of a new appointment, from the list to the page of the consultation. Without `start` it is now; `guests` are third
 * persons: `{ role, name, channel, to }`.
 */
export async function appointment(desk, { patient = ANNE, way = 'email', email, phone, start, guests = [] } = {}) {
  const { pro } = desk.words
  await desk.page.goto(`${desk.server.http}/mes-teleconsultations/nouveau`)
  await fillPatient(desk, patient)
  await choose(desk, pro.channel, way)
  if (email !== undefined) await fill(desk, pro.patientEmail, email)
  if (phone !== undefined) await fill(desk, pro.patientPhone, phone)
  if (start === undefined) await choose(desk, pro.when, 'now')
  else await fill(desk, pro.start, start)
  for (const [index, guest] of guests.entries()) {
    await press(desk, pro.thirdAdd)
    const group = { ...desk, page: desk.page.getByRole('group', { name: pro.thirdPerson(index + 1) }) }
    await choose(group, pro.role, guest.role)
    await fill(group, pro.name, guest.name)
    await choose(group, pro.channel, guest.channel)
    await fill(group, guest.channel === 'sms' ? pro.patientPhone : pro.patientEmail, guest.to)
  }
  await press(desk, pro.create)
  await desk.page.waitForURL(/mes-teleconsultations\/cs_/)
}

/** An hour as the form of the slot wants it, so many minutes after the one that it proposes (in half an hour). */
export async function laterThanProposed(desk, minutes) {
  await desk.page.goto(`${desk.server.http}/mes-teleconsultations/nouveau`)
  const proposed = await desk.page.locator('input[type=datetime-local]').inputValue()
  return new Date(Date.parse(`${proposed}Z`) + minutes * 60_000).toISOString().slice(0, 16)
}

/** From the page of the consultation into the call, past one's own devices. */
export async function enterCall(desk) {
  await press(desk, desk.words.pro.enterCall)
  await permitted(desk.page, '[data-test=enter]')
  await desk.page.locator('.pro-call').waitFor()
}

/** Lets in whoever waits: the one of that name, or the first. */
export async function letIn(desk, name = '') {
  await desk.page.getByRole('button', { name: beginning(desk.words.pro.admitName(name)) }).first().click()
}

/** Everybody sees so many moving pictures, their own among them. */
export async function seeEachOther(people, pictures = people.length) {
  for (const { page, why } of people) {
    await until(`${pictures} pictures move`, async () => {
      const frames = Object.values(await framesShown(page))
      return frames.length === pictures && frames.every((count) => count > 10)
    }, { deadline: 120_000, why })
  }
}

/** The professional ends it for everybody. */
export async function endForAll(desk) {
  const { pro } = desk.words
  await press(desk, pro.endForAll)
  await pressInDialog(desk, pro.endForAll)
  await see(desk, pro.endedCall)
}

/** Writes into every text of the form, and validates it. */
export async function validateForm(desk, text) {
  const { pro } = desk.words
  // The form comes after the heading of its page.
  await desk.page.locator('fieldset textarea').first().waitFor()
  for (const area of await desk.page.locator('fieldset textarea').all()) await area.fill(text)
  await press(desk, pro.validate)
  await pressInDialog(desk, pro.validate)
  await see(desk, beginning(pro.validatedOn('')))
}

/** The upgrade of an immediate call: the identity that makes it a file. */
export async function createFile(desk, patient = ANNE) {
  const { pro } = desk.words
  await button(desk, pro.upgrade).first().click()
  await fillPatient(desk, patient)
  await pressInDialog(desk, pro.upgrade)
  await see(desk, pro.upgraded)
}
