import { createHash } from 'node:crypto'

/** A request of whoever is logged in on this page, with what the page would send along. */
export async function ask(person, method, path, body, headers = {}) {
  const raw = Buffer.isBuffer(body)
  return person.page.evaluate(
    async ([verb, where, what, isRaw, more]) => {
      const session = await (await fetch('/api/v1/auth/session')).json()
      const bytes = isRaw ? Uint8Array.from(atob(what), (letter) => letter.charCodeAt(0)) : what
      const response = await fetch(where, {
        method: verb,
        headers: {
          'X-CSRF-Token': session.csrf_token,
          ...(what === undefined ? {} : { 'Content-Type': isRaw ? 'application/octet-stream' : 'application/json' }),
          ...more,
        },
        body: isRaw || bytes === undefined ? bytes : JSON.stringify(bytes),
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`${verb} ${where}: ${response.status} ${text}`)
      return text === '' ? undefined : JSON.parse(text)
    },
    [method, path, raw ? body.toString('base64') : body, raw, headers],
  )
}

/** The consultation whose page the professional is at. */
export const consultationOf = ({ page }) => /cs_\w+/.exec(page.url())[0]

/** The professional hands a document over, by the API. */
export async function handOver(doctor, consultation, bytes, { name = 'ordonnance.pdf', category = 'prescription' } = {}) {
  const base = `/api/v1/consultations/${consultation}/documents`
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const { document } = await ask(doctor, 'POST', base, { name, size: bytes.length, sha256, category })
  await ask(doctor, 'PUT', `${base}/${document.id}/upload`, bytes, { 'Content-Range': `bytes 0-${bytes.length - 1}/${bytes.length}` })
  return ask(doctor, 'POST', `${base}/${document.id}/complete`)
}
