// The professional's pages outside the call: list, immediate call, appointment, account, administration.
import { appointment, fillPatient, immediateCall, JEANNE, laterThanProposed, lightOn, professional } from '../lib/clinic.js'
import { choose, fill, heading, press, see, seeHeading } from '../lib/press.js'

/** A name that a page must bear. */
export const LONG = { birthName: 'de La Rochefoucauld-Montbeliard', firstNames: 'Marie-Antoinette Joséphine', birthDate: '1938-11-21' }

export async function desk(world, look) {
  const { server, words: { admin, pro } } = world
  const doctor = await professional(world, { ...JEANNE, email: 'chef@cabinet.example' })
  await look('list-empty', doctor)
  await press(doctor, pro.immediate)
  await look('immediate', doctor)
  await fill(doctor, pro.immediatePhone, '01 42 00 00 00')
  await press(doctor, pro.immediateSend)
  await doctor.page.locator('.field-error').waitFor()
  await look('immediate-refused', doctor)
  await doctor.page.keyboard.press('Escape')
  await immediateCall(doctor, '06 12 34 56 78')
  await lightOn(doctor, pro.lightDelivered)
  await look('immediate-sent', doctor)
  await press(doctor, pro.showLink)
  await doctor.page.getByAltText(pro.qrAlt).waitFor()
  await look('immediate-link', doctor)

  const start = await laterThanProposed(doctor, 60)
  await look('appointment', doctor)
  await fillPatient(doctor, LONG)
  await choose(doctor, pro.channel, 'both')
  await press(doctor, pro.thirdAdd)
  await press(doctor, pro.create)
  await look('appointment-incomplete', doctor)
  await appointment(doctor, {
    patient: LONG, way: 'both', email: 'marie-antoinette.de-la-rochefoucauld@une-adresse-plutot-longue.example', phone: '06 12 34 56 79', start,
    guests: [{ role: 'bedside_professional', name: 'Odile Faure-Vandenbroucke', channel: 'email', to: 'odile@ehpad.example' }],
  })
  await heading(doctor, pro.consultationWith(`${LONG.firstNames} ${LONG.birthName}`)).or(doctor.page.locator('h1')).first().waitFor()
  await see(doctor, pro.statuses.scheduled)
  await look('consultation-scheduled', doctor)
  await press(doctor, pro.edit)
  await look('move', doctor)
  await doctor.page.keyboard.press('Escape')
  await press(doctor, pro.cancelAppointment)
  await look('cancel', doctor)
  await doctor.page.keyboard.press('Escape')
  await appointment(doctor, { email: 'anne@maison.example' })
  await see(doctor, pro.statuses.open)
  await look('consultation-open', doctor)
  await doctor.page.goto(`${server.http}/mes-teleconsultations`)
  await doctor.page.locator('.pro-item').nth(1).waitFor()
  await look('list', doctor)

  await doctor.page.goto(`${server.http}/compte`)
  await seeHeading(doctor, pro.accountTitle)
  await look('account', doctor)
  await doctor.page.goto(`${server.http}/mes-teleconsultations/rien`)
  await seeHeading(doctor, pro.notFound)
  await look('not-found', doctor)
  for (const [part, path] of [
    ['registrations', ''], ['users', '/utilisateurs'], ['payments', '/paiement'], ['settings', '/reglages'], ['adapters', '/services'], ['audit', '/journal'], ['clients', '/clients'],
  ]) {
    await doctor.page.goto(`${server.http}/admin${path}`)
    await seeHeading(doctor, admin.parts[part])
    await rest(doctor)
    await look(`admin-${part}`, doctor)
  }
  await press(doctor, admin.clientNew)
  await look('admin-client-new', doctor)
  for (const [name, path] of [['home', '/'], ['help', '/aide'], ['accessibility', '/accessibilite'], ['privacy', '/confidentialite']]) {
    const visitor = await world.atDesk(path)
    await visitor.page.locator('h1').first().waitFor()
    await rest(visitor)
    await look(name, visitor)
  }
}

/** What the page asked for has come. */
const rest = ({ page }) => page.waitForLoadState('networkidle', { timeout: 3000 }).catch(() => undefined)

/** The server for it: the one professional is an administrator. */
export const DESK_ENV = { CHEVET_CLINIC__ADMINISTRATORS: JSON.stringify(['chef@cabinet.example']) }
