import { connect, createServer } from 'node:net'

/** A door in front of the server's signalling that a test can slam: media goes past it. */
export async function startProxy(t, port) {
  const open = new Set()
  let closed = false
  const proxy = createServer((client) => {
    if (closed) {
      client.destroy()
      return
    }
    const server = connect(port, '127.0.0.1')
    for (const socket of [client, server]) {
      open.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        open.delete(socket)
        client.destroy()
        server.destroy()
      })
    }
    client.pipe(server).pipe(client)
  })
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of open) socket.resetAndDestroy()
  }
  t.after(() => {
    cut()
    proxy.close()
  })
  return {
    ws: `ws://127.0.0.1:${proxy.address().port}`,
    cut,
    /** Takes no new connection until opened again. */
    shut: () => {
      closed = true
      cut()
    },
    open: () => (closed = false),
  }
}
