// What administrators, support and operators meet beyond the lists, what frames say that do not open, and addresses of nothing.
import { appointment, JEANNE, ODILE, professional } from '../lib/clinic.js'
import { button, fill, press, pressInDialog, see, seeHeading } from '../lib/press.js'

export async function office(world, look) {
  const { server, words: { admin, embed, home, legal, pro, support } } = world
  const nurse = await professional(world, ODILE)
  await appointment(nurse, { email: 'anne@maison.example' })
  const doctor = await professional(world, JEANNE)
  const name = `${ODILE.first} ${ODILE.name}`
  const ask = async (label) => {
    await button(doctor, label).click()
    await doctor.page.getByRole('dialog').waitFor()
  }
  const escape = async () => {
    await doctor.page.keyboard.press('Escape')
    await doctor.page.getByRole('dialog').waitFor({ state: 'detached' })
  }

  await doctor.page.goto(`${server.http}/admin/utilisateurs`)
  await ask(legal.closeUserOf(name))
  await look('admin-close-user', doctor)
  await pressInDialog(doctor, legal.close)
  await see(doctor, legal.openLeft('1'))
  await look('admin-close-user-refused', doctor)
  await escape()
  await ask(admin.about(admin.userVerbs.block, name))
  await look('admin-block', doctor)
  await escape()
  await ask(admin.about(admin.changeRoles, name))
  await look('admin-roles', doctor)
  await doctor.page.getByRole('dialog').getByLabel(admin.roles.support).check()
  await pressInDialog(doctor, pro.save)
  await see(doctor, admin.rolesChanged)

  await doctor.page.goto(`${server.http}/compte`)
  await ask(legal.closeMine)
  await look('account-close', doctor)
  await pressInDialog(doctor, legal.close)
  await doctor.page.getByRole('dialog').locator('.notice-bad').waitFor()
  await look('account-close-refused', doctor)
  await escape()

  await doctor.page.goto(`${server.http}/admin/reglages`)
  await fill(doctor, legal.publisherName, 'Maison de santé du Foirail')
  await fill(doctor, legal.publisherAddress, '4 place du Foirail\n48000 Mende')
  await fill(doctor, legal.hostName, 'Hébergeur de données de santé de Lozère')
  await fill(doctor, legal.termsFr, 'La téléconsultation se fait sur rendez-vous.\n\nElle ne remplace pas le 15.')
  await fill(doctor, legal.dpoEmail, 'pas une adresse')
  await press(doctor, pro.save)
  await doctor.page.locator('.field-error').first().waitFor()
  await look('admin-legal-refused', doctor)
  await fill(doctor, legal.dpoEmail, 'dpo@foirail.example')
  await press(doctor, pro.save)
  await see(doctor, pro.saved)
  await look('admin-legal', doctor)

  const visitor = await world.atDesk('/mentions-legales')
  await see(visitor, 'Maison de santé du Foirail')
  await look('legal-notice', visitor)
  await visitor.page.goto(`${server.http}/nulle-part`)
  await seeHeading(visitor, home.missingPageTitle)
  await look('missing', visitor)
  await visitor.page.goto(`${server.http}/integration/api_1#x`)
  await seeHeading(visitor, embed.failedTitle)
  await look('embed-failed', visitor)

  await nurse.page.goto(`${server.http}/aide`)
  await press(nurse, home.diagnosticSend)
  const code = (await nurse.page.locator('.code-spoken [aria-hidden]').textContent()).trim()
  await look('help-diagnostic', nurse)
  await nurse.page.goto(`${server.http}/support`)
  await seeHeading(nurse, support.title)
  await look('support', nurse)
  await fill(nurse, support.code, code)
  await press(nurse, support.find)
  await see(nurse, support.timeline)
  await look('support-found', nurse)
}

/** The server for it: the doctor administrates it. */
export const OFFICE_ENV = { CHEVET_CLINIC__ADMINISTRATORS: JSON.stringify([JEANNE.email]) }
