// RoomService as livekit-server-sdk calls it: Twirp with JSON bodies.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DataPacket_Kind, EgressClient, IngressClient, RoomServiceClient, SipClient } from 'livekit-server-sdk'
import { KEY, SECRET, someone, startServer, token, until } from './lib/server.js'

let server, rooms
const cleanups = []
before(async () => {
  server = await startServer({ name: 'rooms', after: (cleanup) => cleanups.push(cleanup) })
  rooms = new RoomServiceClient(server.http, KEY, SECRET)
})
after(async () => {
  for (const cleanup of cleanups) await cleanup()
})

const refused = (promise, status, code) =>
  assert.rejects(promise, (error) => {
    assert.equal(error.status, status, String(error))
    assert.equal(error.code, code, String(error))
    return true
  })

test('a room is made, listed, changed and deleted', async () => {
  const made = await rooms.createRoom({ name: 'r1', emptyTimeout: 60, departureTimeout: 5, maxParticipants: 3, metadata: 'one' })
  assert.match(made.sid, /^RM_/)
  assert.deepEqual(
    [made.name, made.emptyTimeout, made.departureTimeout, made.maxParticipants, made.metadata],
    ['r1', 60, 5, 3, 'one'],
  )
  assert.ok(made.creationTime > 1_700_000_000n)
  assert.equal((await rooms.createRoom({ name: 'r1' })).sid, made.sid, 'a room that exists is given back')
  assert.ok((await rooms.listRooms()).some((room) => room.sid === made.sid))
  assert.deepEqual((await rooms.listRooms(['r1', 'none'])).map((room) => room.sid), [made.sid])
  assert.equal((await rooms.updateRoomMetadata('r1', 'two')).metadata, 'two')
  await rooms.deleteRoom('r1')
  assert.deepEqual(await rooms.listRooms(['r1']), [])
  await refused(rooms.deleteRoom('r1'), 404, 'not_found')
  await refused(rooms.updateRoomMetadata('r1', 'x'), 404, 'not_found')
  await refused(rooms.createRoom({ name: '' }), 400, 'invalid_argument')
})

test('a participant is listed, changed, muted, sent to and removed', async (t) => {
  const alice = await someone(t, server, 'r2', 'alice')
  alice.tell('publish')
  const sid = await alice.says('published')

  assert.deepEqual((await rooms.listParticipants('r2')).map((one) => one.sid), [alice.sid])
  // The track is told once its first packet has arrived.
  const got = await until(
    'the track is listed',
    async () => {
      const alice = await rooms.getParticipant('r2', 'alice')
      return alice.tracks.length > 0 && alice
    },
    server.tail,
  )
  assert.deepEqual(got.tracks.map((track) => [track.sid, track.mimeType, track.muted]), [[sid, 'audio/opus', false]])
  await refused(rooms.getParticipant('r2', 'zoe'), 404, 'not_found')

  const changed = await rooms.updateParticipant('r2', 'alice', { name: 'A', metadata: 'm', attributes: { a: '1' } })
  assert.deepEqual([changed.name, changed.metadata, changed.attributes], ['A', 'm', { a: '1' }])
  const listener = await rooms.updateParticipant('r2', 'alice', { permission: { canSubscribe: true, canPublish: true } })
  assert.equal(listener.permission.canPublishData, false)
  assert.deepEqual([listener.name, listener.metadata], ['A', 'm'], 'what is not named stays')

  assert.equal((await rooms.mutePublishedTrack('r2', 'alice', sid, true)).muted, true)
  await refused(rooms.mutePublishedTrack('r2', 'alice', sid, false), 412, 'failed_precondition')
  await refused(rooms.mutePublishedTrack('r2', 'alice', 'TR_none', true), 404, 'not_found')

  await rooms.updateSubscriptions('r2', 'alice', [sid], false)
  await refused(rooms.updateSubscriptions('r2', 'zoe', [sid], false), 404, 'not_found')

  await rooms.sendData('r2', Buffer.from('hello'), DataPacket_Kind.RELIABLE, { destinationIdentities: ['alice'], topic: 't' })
  assert.equal(await alice.says('data'), 'hello')
  await refused(rooms.sendData('none', Buffer.from('x'), DataPacket_Kind.RELIABLE, {}), 404, 'not_found')

  await rooms.removeParticipant('r2', 'alice')
  assert.equal(await alice.says('disconnected'), 'PARTICIPANT_REMOVED')
  assert.deepEqual(await rooms.listParticipants('r2'), [])
  await refused(rooms.removeParticipant('r2', 'alice'), 404, 'not_found')
})

test('a revoked token opens nothing, a newer one does', async () => {
  await rooms.createRoom({ name: 'r3' })
  const old = await token({ roomJoin: true, room: 'r3' }, 'bob')
  const validate = async (jwt) => (await fetch(`${server.http}/rtc/validate?access_token=${jwt}`)).status
  assert.equal(await validate(old), 200)
  const bob = await someone({ after: (cleanup) => cleanups.push(cleanup) }, server, 'r3', 'bob')
  await rooms.removeParticipant('r3', 'bob', { revokeTokenTs: BigInt(Math.floor(Date.now() / 1000) + 1) })
  await bob.says('disconnected')
  assert.equal(await validate(old), 401)
  assert.equal(await validate(await token({ roomJoin: true, room: 'r3' }, 'carol')), 200)
})

test('what this server does not have is unimplemented', async () => {
  await refused(rooms.forwardParticipant('r', 'i', 'other'), 501, 'unimplemented')
  await refused(rooms.moveParticipant('r', 'i', 'other'), 501, 'unimplemented')
  await refused(new EgressClient(server.http, KEY, SECRET).listEgress(), 501, 'unimplemented')
  await refused(new IngressClient(server.http, KEY, SECRET).listIngress(), 501, 'unimplemented')
  await refused(new SipClient(server.http, KEY, SECRET).listSipInboundTrunk(), 501, 'unimplemented')
})

const ADMIN = { roomAdmin: true, room: 'x' }
const METHODS = {
  CreateRoom: { roomCreate: true },
  ListRooms: { roomList: true },
  DeleteRoom: { roomCreate: true },
  ListParticipants: ADMIN,
  GetParticipant: ADMIN,
  RemoveParticipant: ADMIN,
  MutePublishedTrack: ADMIN,
  UpdateParticipant: ADMIN,
  UpdateSubscriptions: ADMIN,
  SendData: ADMIN,
  UpdateRoomMetadata: ADMIN,
}

async function call(method, jwt, body = { room: 'x', identity: 'i', name: 'x' }, type = 'application/json') {
  const headers = { 'content-type': type, ...(jwt && { authorization: `Bearer ${jwt}` }) }
  const answer = await fetch(`${server.http}/twirp/livekit.RoomService/${method}`, {
    method: 'POST',
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() }
}

for (const [method, grant] of Object.entries(METHODS)) {
  test(`${method} refuses every bad token`, async () => {
    for (const [what, jwt] of [
      ['none', undefined],
      ['forged', await token(grant, 'caller', { secret: 'not the secret' })],
      ['expired', await token(grant, 'caller', { ttl: '-2h' })],
      ['of a key that does not exist', await token(grant, 'caller', { key: 'other' })],
      ['garbage', 'garbage'],
    ]) {
      const { status, type, text } = await call(method, jwt)
      assert.equal(status, 401, `${what}: ${text}`)
      assert.match(type, /^text\/plain/, what)
    }
    const without = await call(method, await token({ roomJoin: true, room: 'x' }))
    assert.equal(without.status, 401)
    assert.equal(JSON.parse(without.text).code, 'unauthenticated')
    const good = await call(method, await token(grant))
    assert.notEqual(good.status, 401, good.text)
  })
}

test('Twirp says what is wrong with a call', async () => {
  const jwt = await token({ roomCreate: true })
  assert.equal((await call('CreateRoom', jwt, '{"name": ')).status, 400)
  assert.equal(JSON.parse((await call('CreateRoom', jwt, '{"name": ')).text).code, 'malformed')
  assert.equal((await call('NoSuchMethod', jwt)).status, 404)
  assert.equal(JSON.parse((await call('NoSuchMethod', jwt)).text).code, 'bad_route')
  assert.equal((await call('CreateRoom', jwt, 'name=x', 'application/x-www-form-urlencoded')).status, 404)
  const snake = await call('CreateRoom', jwt, { name: 'snake', empty_timeout: 7, of_tomorrow: { x: 1 } })
  assert.equal(JSON.parse(snake.text).emptyTimeout, 7, 'snake case is read, unknown fields are ignored')
  const camel = await call('CreateRoom', jwt, { name: 'camel', emptyTimeout: '8' }, 'application/json; charset=utf-8')
  assert.equal(JSON.parse(camel.text).emptyTimeout, 8)
})
