import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { AccessToken } from 'livekit-server-sdk'

const tests = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
const out = join(tests, 'out', 'node')

export const KEY = 'devkey'
export const SECRET = 'secret'

/** Asks until the answer is truthy, and gives it. Deadlines are generous: the machine may be busy with other work. */
export async function until(what, ask, why = () => '') {
  const end = Date.now() + 30_000
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (Date.now() > end) throw new Error(`waited 30 s in vain until ${what}\n${why()}`)
    await sleep(50)
  }
}

/** Starts `chevet serve --dev` on ports that the system picks, waits until it is ready, ends it when the test ends. */
export async function startServer(t, env = {}) {
  const target = process.env.CARGO_TARGET_DIR ?? 'target'
  const binary = resolve(tests, '..', process.env.CHEVET_BIN ?? join(target, 'debug', 'chevet'))
  if (!existsSync(binary)) throw new Error(`no server to test: build one, or set CHEVET_BIN (${binary})`)
  mkdirSync(out, { recursive: true })
  const log = join(out, `${t.name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.server.log`)
  const data = mkdtempSync(join(tmpdir(), 'chevet-test-'))
  // Our own variables are not the server's settings, and it refuses names that it does not know.
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CHEVET_')))
  const child = spawn(binary, ['serve', '--dev'], {
    cwd: data,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...inherited,
      CHEVET_SERVER__PORT: '0',
      CHEVET_SERVER__DATA_DIR: data,
      CHEVET_RTC__BIND: '127.0.0.1',
      CHEVET_RTC__UDP_PORT: '0',
      CHEVET_RTC__TCP_PORT: 'off',
      CHEVET_LOGGING__LEVEL: 'debug',
      ...env,
    },
  })
  const file = createWriteStream(log)
  let printed = ''
  child.stdout.on('data', (text) => (printed += text))
  child.stdout.pipe(file)
  child.stderr.pipe(file)
  const ended = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), 20_000)
    await ended
    clearTimeout(late)
    rmSync(data, { recursive: true, force: true })
  })
  const tail = () => `--- ${log}\n${readFileSync(log, 'utf8').split('\n').slice(-40).join('\n')}`
  const http = await until(
    'the server says where it listens',
    () => {
      if (child.exitCode !== null) throw new Error(`the server ended at once\n${tail()}`)
      return /listening on (http:\S+)/.exec(printed)?.[1]
    },
    tail,
  )
  await until('the server is ready', async () => (await fetch(`${http}/readyz`).catch(() => ({}))).ok, tail)
  return { http, ws: http.replace('http', 'ws'), tail }
}

/** A token with these grants, and for joining one more: `token({ roomJoin: true, room }, 'alice')`. */
export function token(grant, identity = 'caller', { secret = SECRET, key = KEY, ttl = '5m' } = {}) {
  const jwt = new AccessToken(key, secret, { identity, ttl })
  jwt.addGrant(grant)
  return jwt.toJwt()
}

/** A participant (the Python SDK in a process of its own) that does what it is told. */
export async function someone(t, server, room, identity) {
  const python = join(tests, '.venv', 'bin', 'python')
  const jwt = await token({ roomJoin: true, room }, identity)
  const child = spawn(python, ['-W', 'ignore', join(tests, 'python', 'someone.py'), server.ws, jwt], {
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let said = ''
  let complained = ''
  child.stdout.on('data', (text) => (said += text))
  child.stderr.on('data', (text) => (complained += text))
  child.stdin.on('error', () => {})
  const ended = once(child, 'exit')
  t.after(() => child.kill('SIGKILL'))
  const person = {
    /** Waits for a line that begins with this word, and gives the rest of it. */
    says: (word) =>
      until(
        `${identity} says ${word}`,
        () => new RegExp(`^${word} (.*)$`, 'm').exec(said)?.[1],
        () => `${said}\n${complained}\n${server.tail()}`,
      ),
    tell: (word) => child.stdin.write(`${word}\n`),
    leave: async () => {
      child.stdin.end('leave\n')
      await ended
    },
  }
  person.sid = await person.says('joined')
  return person
}
