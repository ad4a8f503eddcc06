import { until } from './wait.js'

/** What the emulators of the outside world took so far: `mails` and `sms`, the oldest first, numbered in one row. */
export const outbox = async (server) => (await fetch(`${server.http}/dev/outbox/messages`)).json()

/** The number of the newest message: what comes later has a higher one. */
export async function lastNumber(server) {
  const { mails, sms } = await outbox(server)
  return Math.max(0, ...[...mails, ...sms].map(({ number }) => number))
}

/** The newest message of a kind (`mails`, `sms`) that fits, once it is there. */
export function message(server, kind, { to = '', says = '', after = 0 } = {}) {
  const fits = (each) =>
    each.number > after && String(each.to).includes(to) && `${each.subject ?? ''}\n${each.text}`.includes(says)
  return until(`a message to ${to || 'anybody'} that says "${says}"`, async () => (await outbox(server))[kind].findLast(fits), { why: server.tail })
}

/** The link in the newest message that has one to this path. */
export async function linkSent(server, kind, path, wanted = {}) {
  const link = new RegExp(`http\\S*${path}#[\\w-]+`)
  const { text } = await message(server, kind, { ...wanted, says: wanted.says ?? `${path}#` })
  return text.match(link)[0]
}

/** The lines of a calendar entry by their name, without parameters. */
export function calendarOf(mail) {
  const lines = mail.calendar.replace(/\r?\n[ \t]/g, '').split(/\r?\n/)
  return Object.fromEntries(lines.map((line) => [line.split(/[:;]/)[0], line.slice(line.indexOf(':') + 1)]))
}

/** Puts the server's clock forward; what was due in that time happens. */
export async function passTime(server, seconds) {
  const answer = await fetch(`${server.http}/dev/clock/${seconds}`, { method: 'POST' })
  if (!answer.ok) throw new Error(`the clock does not move: ${answer.status}`)
}
