import { expect, test } from 'vitest'
import { contactsOf, guestInput, NOBODY, patientInput } from './Appointment'

test('what the professional left empty is not sent', () => {
  const input = patientInput({ ...NOBODY, birth_name: ' Martin ', first_names: 'Jeanne, Anne', birth_date: '1941-03-02', used_name: '  ' })
  expect(input).toEqual({ birth_name: 'Martin', first_names: ['Jeanne', 'Anne'], birth_date: '1941-03-02', sex: 'U' })
})

test('a billing number may be typed in groups', () => {
  expect(patientInput({ ...NOBODY, nir: '2 41 03 75 056 001' }).nir).toBe('2410375056001')
})

test('both ways are two contacts, each with its own address only', () => {
  const to = { recipient: 'patient', name: '', email: 'a@b.fr', phone: '06 12 34 56 78', locale: 'fr' } as const
  const [mail, sms] = contactsOf('both', to)
  expect(mail).toEqual({ recipient: 'patient', locale: 'fr', channel: 'email', email: 'a@b.fr' })
  expect(sms).toEqual({ recipient: 'patient', locale: 'fr', channel: 'sms', phone: '06 12 34 56 78' })
  expect(contactsOf('copy', to)).toEqual([{ recipient: 'patient', locale: 'fr', channel: 'copy' }])
})

test('a third person is reached by the chosen way', () => {
  expect(guestInput({ role: 'carer', name: ' Paul ', channel: 'sms', to: '0612345678' }, 'en')).toEqual({
    role: 'carer', name: 'Paul', channel: 'sms', locale: 'en', phone: '0612345678',
  })
})
