import { createHash } from 'node:crypto'

/** A PDF of one page with these lines on it, in a font that readers bring themselves. */
export function pdf(...lines) {
  const text = lines.map((line, index) => `BT /F1 18 Tf 60 ${760 - index * 28} Td (${line.replace(/[()\\]/g, '\\$&')}) Tj ET`).join('\n')
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${text.length} >>\nstream\n${text}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>',
  ]
  let file = '%PDF-1.4\n'
  const places = objects.map((object, index) => {
    const at = file.length
    file += `${index + 1} 0 obj\n${object}\nendobj\n`
    return at
  })
  const table = file.length
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${places.map((at) => `${String(at).padStart(10, '0')} 00000 n \n`).join('')}`
  file += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`
  return Buffer.from(file, 'latin1')
}

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
