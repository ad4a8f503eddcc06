import assert from 'node:assert/strict'
import { test } from 'node:test'
import { appointment, askBirthDates, endForAll, enterCall, laterThanProposed, letIn, professional, seeEachOther } from '../lib/clinic.js'
import { calendarOf, lastNumber, linkSent, message, passTime } from '../lib/mail.js'
import { violations } from '../lib/pages.js'
import { agree, atScreen, begin, checkDevices, tellPlace } from '../lib/patient.js'
import { beginning, choose, fill, press, pressInDialog, see, seeHeading } from '../lib/press.js'
import { PAIRS, startWorld } from '../lib/world.js'

for (const { desk, phone } of PAIRS) {
  test(`journey_c_an_appointment_goes_out_by_mail_and_message_is_moved_reminded_and_kept (${desk} and ${phone})`, { timeout: 420_000 }, async (t) => {
    const world = await startWorld(t, { desk, phone })
    const { server, words: { pro, guest: texts } } = world
    const doctor = await professional(world)
    await askBirthDates(doctor)
    const start = await laterThanProposed(doctor, 15)
    await appointment(doctor, { way: 'both', email: 'anne@maison.example', phone: '06 12 34 56 78', start })
    await seeHeading(doctor, pro.consultationWith('Anne Lefèvre'))
    assert.deepEqual(await violations(doctor.page), [])

    const mail = await message(server, 'mails', { to: 'anne@maison.example' })
    const first = calendarOf(mail)
    assert.deepEqual([mail.calendar_method, first.METHOD, first.SEQUENCE, first.STATUS], ['REQUEST', 'REQUEST', '0', 'CONFIRMED'])
    assert.doesNotMatch(mail.calendar, /Lefèvre|consult|médec/i, 'nothing about health in a calendar')
    const sms = await message(server, 'sms', { to: '+33612345678' })
    assert.ok(sms.text.length <= 160, sms.text)

    const link = await linkSent(server, 'mails', '/c', { to: 'anne@maison.example' })
    const patient = await world.onPhone(link)
    await atScreen(patient, 'too-early')
    await patient.page.locator('.patient-countdown').waitFor()
    await patient.page.getByRole('link', { name: texts.test }).waitFor()
    assert.deepEqual(await violations(patient.page), [])

    const before = await lastNumber(server)
    await press(doctor, pro.edit)
    await fill(doctor, pro.start, await doctor.page.locator('input[type=datetime-local]').inputValue().then((slot) => later(slot, 10)))
    await pressInDialog(doctor, pro.save)
    await see(doctor, pro.moved)
    const moved = await message(server, 'mails', { to: 'anne@maison.example', after: before })
    const second = calendarOf(moved)
    assert.deepEqual([second.UID, second.METHOD, second.SEQUENCE], [first.UID, 'REQUEST', '1'])
    assert.equal(minutesBetween(first.DTSTART, second.DTSTART), 10)
    await message(server, 'sms', { to: '+33612345678', after: before })
    await patient.page.reload()
    await see(patient, texts.moved)

    // The slot begins in about 55 minutes: a quarter of an hour before, both are reminded; 10 minutes before, the door opens.
    const beforeReminder = await lastNumber(server)
    await passTime(server, 41 * 60)
    const reminder = await message(server, 'sms', { to: '+33612345678', after: beforeReminder })
    assert.match(reminder.text, /^Rappel/)
    await message(server, 'mails', { to: 'anne@maison.example', after: beforeReminder })
    await passTime(server, 6 * 60)
    await patient.page.reload()
    await begin(patient, { answer: '02/03/1941' })
    await agree(patient)
    await tellPlace(patient, { place: 'Mende', number: '06 12 34 56 78' })
    await checkDevices(patient)
    await atScreen(patient, 'waiting')

    await doctor.page.goto(`${server.http}/mes-teleconsultations`)
    await see(doctor, pro.waitingCount(1))
    assert.deepEqual(await violations(doctor.page), [])
    await doctor.page.getByRole('link', { name: beginning(pro.openOf('Anne Lefèvre', '').replace(/, $/, '')) }).click()
    await see(doctor, pro.place('Mende'))
    await enterCall(doctor)
    await letIn(doctor)
    await seeEachOther([doctor, patient])
    await endForAll(doctor)
    await atScreen(patient, 'end')
    world.noComplaints()
  })
}

test('journey_c_two_at_one_hour_are_warned_of_and_a_cancelled_one_says_so_to_everybody', { timeout: 300_000 }, async (t) => {
  const world = await startWorld(t)
  const { server, words: { pro } } = world
  const doctor = await professional(world)
  const start = await laterThanProposed(doctor, 0)
  await appointment(doctor, { email: 'anne@maison.example', start })
  const link = await linkSent(server, 'mails', '/c', { to: 'anne@maison.example' })
  const first = doctor.page.url()
  await appointment(doctor, { email: 'anne@maison.example', start })
  await see(doctor, pro.warnOverlap)
  await see(doctor, pro.warnDuplicate)

  const patient = await world.onPhone(link)
  await atScreen(patient, 'too-early')
  await doctor.page.goto(first)
  const before = await lastNumber(server)
  await press(doctor, pro.cancelAppointment)
  await pressInDialog(doctor, pro.cancelAppointment)
  await see(doctor, pro.statuses.cancelled)
  const mail = await message(server, 'mails', { to: 'anne@maison.example', says: 'annulé', after: before })
  assert.deepEqual([mail.calendar_method, calendarOf(mail).STATUS], ['CANCEL', 'CANCELLED'])
  await patient.page.reload()
  await atScreen(patient, 'cancelled')
  assert.deepEqual(await violations(patient.page), [])

  const beforeNext = await lastNumber(server)
  await press(doctor, pro.replan)
  await pressInDialog(doctor, pro.save)
  await see(doctor, pro.statuses.scheduled)
  const next = await linkSent(server, 'mails', '/c', { to: 'anne@maison.example', after: beforeNext })
  assert.notEqual(next, link)
  await patient.page.goto('about:blank')
  await patient.page.goto(next)
  await atScreen(patient, 'too-early')
  world.noComplaints()
})

test('journey_c_what_is_missing_or_wrong_in_the_form_is_said_at_its_field', { timeout: 240_000 }, async (t) => {
  const world = await startWorld(t)
  const { server, words: { pro } } = world
  const doctor = await professional(world)
  await doctor.page.goto(`${server.http}/mes-teleconsultations/nouveau`)
  await fill(doctor, pro.birthName, 'Lefèvre')
  await fill(doctor, pro.firstNames, 'Anne')
  await fill(doctor, pro.birthDate, '1941-03-02')
  await choose(doctor, pro.channel, 'email')
  await fill(doctor, pro.patientEmail, 'anne@maison.example')
  await fill(doctor, pro.start, '2020-01-01T10:00')
  await press(doctor, pro.create)
  await see(doctor, pro.fieldProblems.past)
  await doctor.page.getByText(pro.billing, { exact: true }).click()
  await fill(doctor, pro.nir, '2 41 03 48 095 012 11')
  await choose(doctor, pro.when, 'now')
  await press(doctor, pro.create)
  await see(doctor, pro.fieldProblems['key-mismatch'])
  assert.deepEqual(await violations(doctor.page), [])
  world.noComplaints()
})

const later = (slot, minutes) => new Date(Date.parse(`${slot}Z`) + minutes * 60_000).toISOString().slice(0, 16)
const instant = (stamp) => Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
const minutesBetween = (a, b) => (instant(b) - instant(a)) / 60_000
