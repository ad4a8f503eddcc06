import { createHmac } from 'node:crypto'

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A join token as any LiveKit server SDK makes it: HS256 over the video grant. */
export function token({ room, identity, name = identity, grant = {}, seconds = 3600, key = 'devkey', secret = 'secret' }) {
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: key, sub: identity, name, nbf: now - 10, exp: now + seconds, video: { roomJoin: true, room, ...grant } }
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}
