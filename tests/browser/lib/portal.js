import { createHmac, randomUUID } from 'node:crypto'
import { until } from './wait.js'

export const PASSWORD = 'sept tortues grises au marché'

/** RFC 6238 with its defaults, as an authenticator on a telephone. */
export function oneTimeCode(secret) {
  const bits = [...secret].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)))
  const digest = createHmac('sha1', key).update(counter).digest()
  return String((digest.readUInt32BE(digest[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

/** The link in the last message that fits, as the emulators of the outside world keep it. */
export async function linkSent(server, kind, path, to = '') {
  return until(`a message with ${path}`, async () => {
    const sent = await (await fetch(`${server.http}/dev/outbox/messages`)).json()
    const links = sent[kind].filter((each) => String(each.to).includes(to)).flatMap(({ text }) => text.match(new RegExp(`http\\S*${path}#[\\w-]+`, 'g')) ?? [])
    return links.at(-1)
  }, { why: server.tail })
}

/** Somebody with an account who is logged in, by the API alone: `did` does what has to work. `cookie` is for a browser. */
export async function loggedIn(server, email, person = {}) {
  let cookie = ''
  let csrf = ''
  const did = async (method, path, body, more = {}) => {
    const answer = await fetch(`${server.http}${path}`, {
      method,
      headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf, 'If-Match': '*', 'Idempotency-Key': randomUUID(), ...(cookie ? { Cookie: cookie } : {}), ...more },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const set = answer.headers.getSetCookie().map((each) => each.split(';')[0]).filter((each) => each.startsWith('chevet='))
    if (set.length > 0) cookie = set[0]
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
  const who = {
    title: 'Dr', first_name: 'Jeanne', exercise_name: 'Martin', profession_code: '10', rpps: '10101010105', email, password: PASSWORD,
    accepts_terms: true, interests: ['teleconsultation_domicile'], ...person,
  }
  await did('POST', '/api/v1/registrations', who)
  const link = await linkSent(server, 'mails', '/inscription/confirmer', email)
  await did('POST', '/api/v1/registrations/confirm', { token: link.split('#')[1] })
  csrf = (await did('POST', '/api/v1/auth/password', { email, password: PASSWORD })).csrf_token
  const { secret } = await did('POST', '/api/v1/auth/mfa/enrolment')
  const { session } = await did('POST', '/api/v1/auth/mfa/enrolment/confirm', { code: oneTimeCode(secret) })
  csrf = session.csrf_token
  const [name, value] = cookie.split('=')
  return { did, id: session.account_id, cookie: { name, value, url: server.http } }
}
