// The portal's server: it alone holds the secret, and it decides who may call whom. Node 20, no packages.
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'

const { CHEVET_URL = 'http://127.0.0.1:7880', CLIENT_ID, CLIENT_SECRET, PROFESSIONAL, PORT = '8090' } = process.env
if (!CLIENT_ID || !CLIENT_SECRET || !PROFESSIONAL) {
  console.error('CLIENT_ID, CLIENT_SECRET and PROFESSIONAL have to be set: see README.md')
  process.exit(1)
}

const FILES = { '/': ['index.html', 'text/html'], '/portal.js': ['portal.js', 'text/javascript'], '/portal.css': ['portal.css', 'text/css'] }
const BODY_MAX = 10_000

let token = { value: '', until: 0 }

/** A token of the client, made anew a minute before its end. */
async function bearer() {
  if (Date.now() < token.until) return token.value
  const answer = await fetch(`${CHEVET_URL}/api/v1/oauth/token`, {
    method: 'POST',
    headers: { Authorization: `Basic ${Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  if (!answer.ok) throw new Error(`no token: ${answer.status}`)
  const { access_token: value, expires_in: seconds } = await answer.json()
  token = { value, until: Date.now() + (seconds - 60) * 1000 }
  return value
}

/** Asks Chevet; its refusals are passed on as they are. */
async function chevet(path, body) {
  const answer = await fetch(`${CHEVET_URL}${path}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${await bearer()}`, 'Content-Type': 'application/json', 'Idempotency-Key': randomUUID(), 'Accept-Language': 'fr' },
    body: JSON.stringify(body),
  })
  return { status: answer.status, body: await answer.json() }
}

async function read(request) {
  let text = ''
  for await (const piece of request) {
    text += piece
    if (text.length > BODY_MAX) throw new Error('too long')
  }
  return JSON.parse(text)
}

async function answer(request) {
  const origin = `http://127.0.0.1:${server.address().port}`
  if (request.method === 'GET' && FILES[request.url]) {
    const [file, type] = FILES[request.url]
    return { status: 200, type, body: await readFile(new URL(file, import.meta.url)) }
  }
  if (request.method === 'POST' && request.headers.origin === origin) {
    // A real portal asks here who is logged in, and whether that person may do this.
    if (request.url === '/consultations') {
      const { phone } = await read(request)
      const made = await chevet('/api/v1/consultations', { kind: 'immediate', phone, professional_id: PROFESSIONAL })
      return made.status < 300 ? { status: 200, body: { id: made.body.id } } : made
    }
    if (request.url === '/frames') {
      const { consultation_id } = await read(request)
      return chevet('/api/v1/embed-sessions', { consultation_id, professional_ref: PROFESSIONAL, origin })
    }
  }
  return { status: 404, body: { code: 'not-found' } }
}

const server = createServer(async (request, response) => {
  const { status, type = 'application/json', body } = await answer(request).catch((error) => {
    console.error(error)
    return { status: 502, body: { code: 'chevet-unreachable' } }
  })
  response.writeHead(status, { 'Content-Type': `${type}; charset=utf-8`, 'Cache-Control': 'no-store' })
  response.end(type === 'application/json' ? JSON.stringify(body) : body)
})
server.listen(Number(PORT), '127.0.0.1', () => console.log(`The portal is at http://127.0.0.1:${server.address().port}`))
