// Webhooks of a real call, verified by livekit-server-sdk's own receiver.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { RoomServiceClient, WebhookReceiver } from 'livekit-server-sdk'
import { KEY, SECRET, someone, startServer, until } from './lib/server.js'

/** Listens for webhooks; `refuse` says how many posts are answered with 503 first. */
async function receiver(t, refuse = 0) {
  const posts = []
  const http = createServer((request, response) => {
    let body = ''
    request.on('data', (text) => (body += text))
    request.on('end', () => {
      posts.push({ body, headers: request.headers, url: request.url })
      response.statusCode = posts.length <= refuse ? 503 : 200
      response.end()
    })
  })
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve))
  t.after(() => http.closeAllConnections() ?? http.close())
  return { posts, url: `http://127.0.0.1:${http.address().port}/hook?x=1` }
}

test('the events of a call arrive signed and in order', async (t) => {
  const { posts, url } = await receiver(t)
  const server = await startServer(t, { CHEVET_WEBHOOKS__URLS: url })
  const rooms = new RoomServiceClient(server.http, KEY, SECRET)
  await rooms.createRoom({ name: 'ward', departureTimeout: 1 })
  const alice = await someone(t, server, 'ward', 'alice')
  alice.tell('publish')
  const track = await alice.says('published')
  const verify = new WebhookReceiver(KEY, SECRET)
  const names = () => posts.map((post) => JSON.parse(post.body).event)
  // A track is told once its first packet has arrived.
  await until('the track is published', () => names().includes('track_published'), () => `${names()}\n${server.tail()}`)
  await alice.leave()
  await until('the room is finished', () => names().includes('room_finished'), () => `${names()}\n${server.tail()}`)

  const events = []
  for (const { body, headers, url: path } of posts) {
    assert.equal(path, '/hook?x=1')
    assert.equal(headers['content-type'], 'application/webhook+json')
    events.push(await verify.receive(body, headers.authorization))
  }
  const wanted = ['room_started', 'participant_joined', 'track_published', 'track_unpublished', 'participant_left', 'room_finished']
  assert.deepEqual(
    events.map((event) => event.event).filter((name) => name !== 'track_unpublished'),
    wanted.filter((name) => name !== 'track_unpublished'),
  )
  const of = (name) => events.find((event) => event.event === name)
  assert.equal(of('room_started').room.name, 'ward')
  assert.equal(of('participant_joined').participant.sid, alice.sid)
  assert.equal(of('participant_joined').participant.identity, 'alice')
  assert.equal(of('track_published').track.sid, track)
  assert.equal(of('track_published').participant.identity, 'alice')
  assert.equal(of('participant_left').participant.sid, alice.sid)
  assert.equal(new Set(events.map((event) => event.id)).size, events.length, 'each event has its own id')
  for (const event of events) assert.ok(Math.abs(Number(event.createdAt) - Date.now() / 1000) < 300)

  const { body, headers } = posts[0]
  await assert.rejects(verify.receive(`${body} `, headers.authorization), 'another body')
  await assert.rejects(new WebhookReceiver(KEY, 'another secret').receive(body, headers.authorization), 'another secret')
  await assert.rejects(verify.receive(body), 'no signature')
})

test('a receiver that is down for a moment misses nothing', async (t) => {
  const { posts, url } = await receiver(t, 2)
  const server = await startServer(t, { CHEVET_WEBHOOKS__URLS: url })
  const rooms = new RoomServiceClient(server.http, KEY, SECRET)
  await rooms.createRoom({ name: 'ward' })
  await rooms.deleteRoom('ward')
  await until('all posts are there', () => posts.length >= 4, server.tail)
  const names = posts.map((post) => JSON.parse(post.body).event)
  assert.deepEqual(names, ['room_started', 'room_started', 'room_started', 'room_finished'])
  const ids = posts.map((post) => JSON.parse(post.body).id)
  assert.equal(new Set(ids).size, 2, 'a retry is the same event')
})
