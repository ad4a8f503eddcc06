import { spawn } from 'node:child_process'
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { out, root, slug } from './paths.js'
import { end, residentKib } from './processes.js'
import { token } from './token.js'
import { until } from './wait.js'

/** The server under test: `CHEVET_BIN`, else the debug build. A release has no emulators and would send no mail. */
export function binary() {
  const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target')
  const candidates = [process.env.CHEVET_BIN, join(target, 'debug', 'chevet')]
  const found = candidates.find((path) => path && existsSync(path))
  if (!found) throw new Error(`no server to test: build one, or set CHEVET_BIN (looked for ${candidates.filter(Boolean).join(', ')})`)
  return found
}

/** A port nobody listens on at this moment. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

/** TEST_SPREAD=2: every room on so many workers, whose members take turns between them. */
function spread() {
  const workers = process.env.TEST_SPREAD
  return workers ? { CHEVET_RTC__WORKERS: workers, CHEVET_RTC__ROOM_SPREAD: '1' } : {}
}

/** Starts `chevet serve --dev` on ports of its own, waits until it is ready, and ends it when the test ends. */
export async function startServer(t, { env = {}, flags = [] } = {}) {
  const port = await freePort()
  // The system may offer the same port again.
  let tcpPort = port
  while (tcpPort === port) tcpPort = await freePort()
  const data = mkdtempSync(join(tmpdir(), 'chevet-test-'))
  const log = join(out, `${slug(t.name)}.server.log`)
  const settings = {
    ...ownEnvironment(),
    CHEVET_SERVER__PORT: String(port),
    CHEVET_SERVER__DATA_DIR: data,
    CHEVET_RTC__UDP_PORT: '0',
    CHEVET_RTC__TCP_PORT: String(tcpPort),
    ...spread(),
    ...env,
  }
  const file = createWriteStream(log)
  let printed = ''
  const launch = () => {
    const started = spawn(binary(), ['serve', '--dev', ...flags], { cwd: data, stdio: ['ignore', 'pipe', 'pipe'], env: settings })
    started.stdout.on('data', (text) => (printed += text))
    started.stdout.pipe(file, { end: false })
    started.stderr.pipe(file, { end: false })
    return started
  }
  let child = launch()
  t.after(async () => {
    await end(child)
    file.end()
    rmSync(data, { recursive: true, force: true })
  })
  const http = `http://127.0.0.1:${port}`
  const ready = () => until('the server is ready', async () => {
    if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}`)
    return (await fetch(`${http}/readyz`)).ok
  }, { deadline: 30_000, every: 100, why: () => tail(log) })
  await ready()
  return {
    http,
    ws: `ws://127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid
    },
    log,
    alive: () => child.exitCode === null && child.signalCode === null,
    printed: () => printed,
    residentKib: () => residentKib(child.pid),
    tail: () => tail(log),
    /** Killed in the middle of whatever it does, and started again on the same data and the same port. */
    async crash() {
      child.kill('SIGKILL')
      await until('the server is gone', () => child.signalCode !== null, { every: 20 })
      child = launch()
      await ready()
    },
    token: (room, identity, more = {}) => token({ room, identity, ...more }),
  }
}

const tail = (log) => `--- ${log}\n${readFileSync(log, 'utf8').split('\n').slice(-40).join('\n')}`

/** Our own variables are not the server's settings, and it refuses names that it does not know. */
function ownEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CHEVET_')))
}
