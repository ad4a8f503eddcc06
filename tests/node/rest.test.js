// Our own REST API: /v1, as docs/openapi.json describes it.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TokenVerifier } from 'livekit-server-sdk'
import { KEY, SECRET, someone, startServer } from './lib/server.js'

let server
const cleanups = []
before(async () => {
  server = await startServer({ name: 'rest', after: (cleanup) => cleanups.push(cleanup) })
})
after(async () => {
  for (const cleanup of cleanups) await cleanup()
})

async function rest(method, path, body, authorization = `Bearer ${KEY}:${SECRET}`) {
  const answer = await fetch(`${server.http}${path}`, {
    method,
    headers: { ...(authorization && { authorization }), ...(body !== undefined && { 'content-type': 'application/json' }) },
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await answer.text()
  const json = /json/.test(answer.headers.get('content-type') ?? '') ? JSON.parse(text) : undefined
  return { status: answer.status, type: answer.headers.get('content-type'), headers: answer.headers, text, json }
}

function problem(answer, status, code) {
  assert.equal(answer.status, status, answer.text)
  assert.match(answer.type, /^application\/problem\+json/)
  assert.deepEqual([answer.json.status, answer.json.code], [status, code], answer.text)
  assert.ok(answer.json.title && answer.json.detail)
}

test('a room is made, read, listed and deleted', async () => {
  const made = await rest('POST', '/v1/rooms', { name: 'été 1', max_participants: 2, metadata: 'm' })
  assert.equal(made.status, 201, made.text)
  assert.match(made.json.sid, /^RM_/)
  assert.equal(made.json.name, 'été 1')
  const path = made.headers.get('location')
  assert.equal(path, '/v1/rooms/%C3%A9t%C3%A9%201')
  const read = await rest('GET', path)
  assert.equal(read.status, 200)
  assert.deepEqual([read.json.sid, read.json.max_participants, read.json.metadata], [made.json.sid, 2, 'm'])
  const list = await rest('GET', '/v1/rooms')
  assert.ok(list.json.rooms.some((room) => room.sid === made.json.sid))
  assert.equal((await rest('DELETE', path)).status, 204)
  problem(await rest('GET', path), 404, 'room_not_found')
  problem(await rest('DELETE', path), 404, 'room_not_found')
})

test('a token lets its owner in, and its link too', async (t) => {
  const answer = await rest('POST', '/v1/rooms/consult/tokens', {
    identity: 'alice',
    name: 'Alice',
    attributes: { a: '1' },
    grants: { can_publish_sources: ['microphone'], hidden: false },
    ttl_s: 600,
  })
  assert.ok(answer.status === 200 || answer.status === 201, answer.text)
  const claims = await new TokenVerifier(KEY, SECRET).verify(answer.json.token)
  assert.deepEqual(
    [claims.sub, claims.name, claims.video.room, claims.video.roomJoin, claims.video.canPublishSources, claims.attributes],
    ['alice', 'Alice', 'consult', true, ['microphone'], { a: '1' }],
  )
  assert.ok(Math.abs(claims.exp - Date.now() / 1000 - 600) < 60)
  assert.equal(answer.json.url, server.ws)
  assert.ok(answer.json.join_link.startsWith(`${server.http}/join#`), answer.json.join_link)
  assert.ok(answer.json.join_link.includes(answer.json.token))
  const validate = await fetch(`${server.http}/rtc/validate?access_token=${answer.json.token}`)
  assert.equal(validate.status, 200)

  const bob = await someone(t, server, 'consult', 'bob')
  const { json } = await rest('GET', '/v1/rooms/consult/participants')
  assert.deepEqual(json.participants.map((one) => [one.identity, one.sid, one.state]), [['bob', bob.sid, 'active']])
})

test('every wrong request is told what is wrong, as problem+json', async () => {
  problem(await rest('GET', '/v1/rooms', undefined, ''), 401, 'unauthorized')
  problem(await rest('GET', '/v1/rooms', undefined, `Bearer ${KEY}:wrong`), 401, 'unauthorized')
  problem(await rest('GET', '/v1/rooms', undefined, `Bearer nobody:${SECRET}`), 401, 'unauthorized')
  problem(await rest('GET', '/v1/rooms', undefined, 'Basic x'), 401, 'unauthorized')
  problem(await rest('POST', '/v1/rooms', '{"name"'), 400, 'malformed')
  problem(await rest('POST', '/v1/rooms', { name: 'x', nmae: 'y' }), 400, 'malformed')
  problem(await rest('POST', '/v1/rooms', { name: '' }), 400, 'invalid')
  problem(await rest('POST', '/v1/rooms', { name: 'x'.repeat(1000) }), 400, 'invalid')
  problem(await rest('POST', '/v1/rooms/r/tokens', { identity: '' }), 400, 'invalid')
  problem(await rest('POST', '/v1/rooms/r/tokens', { identity: 'i', ttl_s: 1 }), 400, 'invalid')
  problem(await rest('GET', '/v1/rooms/none/participants'), 404, 'room_not_found')
  problem(await rest('PUT', '/v1/rooms', { name: 'x' }), 405, 'method_not_allowed')
  problem(await rest('GET', '/v1/nothing'), 404, 'not_found')
  const challenge = await rest('GET', '/v1/rooms', undefined, '')
  assert.match(challenge.headers.get('www-authenticate'), /^Bearer/)
})

test('the description of the API is served', async () => {
  const { json } = await rest('GET', '/v1/openapi.json', undefined, '')
  assert.match(json.openapi, /^3\.1/)
  assert.deepEqual(Object.keys(json.paths).sort(), [
    '/v1/rooms',
    '/v1/rooms/{room}',
    '/v1/rooms/{room}/participants',
    '/v1/rooms/{room}/tokens',
  ])
})
