import { createReadStream } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { here } from './paths.js'

const FILES = {
  '/': ['page/index.html', 'text/html'],
  '/judge.js': ['page/judge.js', 'text/javascript'],
  '/livekit-client.js': ['node_modules/livekit-client/dist/livekit-client.umd.js', 'text/javascript'],
}

/** Serves the page that the tests drive, from another origin than the server's: so CORS is tried as well. */
export async function startSite(t) {
  const server = createServer((request, response) => {
    const found = FILES[new URL(request.url, 'http://x').pathname]
    if (!found) {
      response.writeHead(404).end()
      return
    }
    response.writeHead(200, { 'content-type': `${found[1]}; charset=utf-8` })
    createReadStream(join(here, found[0])).pipe(response)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${server.address().port}/`
}
