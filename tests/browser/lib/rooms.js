import { startSite } from './site.js'
import { until } from './wait.js'

const KEY = { Authorization: 'Bearer devkey:secret' }
const asked = async ({ server }, path) => (await fetch(`${server.http}/v1/rooms${path}`, { headers: KEY })).json()

/** The one room of the server. */
export async function onlyRoom(world) {
  const { rooms } = await asked(world, '')
  if (rooms.length !== 1) throw new Error(`${rooms.length} rooms`)
  return rooms[0].name
}

export const participants = async (world, room) => (await asked(world, `/${encodeURIComponent(room)}/participants`)).participants

/**
 * A program that hears a room and says in it what it heard, as LiveKit's agents do. Nobody sees it. `say` takes `text`, its
 * `segment`, whether it is `final`, and `who` spoke.
 */
export async function transcriber(world, room) {
  const { page } = await world.atDesk(new URL(await startSite(world.t)))
  const judge = (verb, given) => page.evaluate(([method, argument]) => window.judge[method](argument), [verb, given])
  await judge('join', { url: world.server.ws, token: world.server.token(room, 'sous-titres', { grant: { hidden: true } }) })
  const say = async ({ who, ...more }) => {
    const track = who && (await until(`the voice of ${who}`, () => judge('voiceOf', who)))
    await judge('caption', { ...more, track })
  }
  return {
    say,
    /** Says it again and again while something is done, for captions do not stay. */
    while: async (words, work) => {
      await say(words)
      const timer = setInterval(() => void say(words).catch(() => undefined), 4000)
      try {
        await work()
      } finally {
        clearInterval(timer)
      }
    },
  }
}

/** From now on the page keeps the sockets that it opens: what the server says can be said in its place. */
export const keepSockets = ({ page }) =>
  page.evaluate(() => {
    window.keptSockets = []
    window.WebSocket = class extends window.WebSocket {
      constructor(...given) {
        super(...given)
        window.keptSockets.push(this)
      }
    }
  })

/**
 * Says to a page that its line carries the camera of `identity` no more (`paused`), or does again: the server's own message
 * (`StreamStateUpdate` of LiveKit's protocol), since no test can make a line of loopback so poor at will.
 */
export async function lineCarries(world, room, { page }, identity, paused) {
  const { sid, tracks } = await until(`${identity} shows a camera`, async () => {
    const found = (await participants(world, room)).find((one) => one.identity === identity)
    return found?.tracks.some(({ source }) => /camera/i.test(source)) && found
  })
  const track = tracks.find(({ source }) => /camera/i.test(source)).sid
  const text = (field, value) => [(field << 3) | 2, value.length, ...Buffer.from(value)]
  const inside = (field, bytes) => [(field << 3) | 2, bytes.length, ...bytes]
  const state = [...text(1, sid), ...text(2, track), ...(paused ? [(3 << 3) | 0, 1] : [])]
  await page.evaluate((bytes) => {
    const socket = window.keptSockets.find(({ readyState, url }) => readyState === WebSocket.OPEN && url.includes('/rtc'))
    socket.dispatchEvent(new MessageEvent('message', { data: new Uint8Array(bytes).buffer }))
  }, inside(13, inside(1, state)))
}

/** Who somebody of that role is in the room of a consultation. */
export const identityOf = (world, room, role) =>
  until(`somebody who is ${role}`, async () => (await participants(world, room)).find(({ attributes }) => attributes.role === role)?.identity)
