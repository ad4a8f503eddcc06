/** A PDF of one A4 page for each list of lines, with its table of contents in order, as any software would write it. */
export function pdf(...pages) {
  const objects = []
  const add = (body) => objects.push(body)
  const kids = pages.map((_, at) => `${4 + 2 * at} 0 R`).join(' ')
  add('<< /Type /Catalog /Pages 2 0 R >>')
  add(`<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`)
  add('<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>')
  pages.forEach((lines, at) => {
    const text = lines.map((line, row) => `BT /F1 14 Tf 60 ${760 - 24 * row} Td (${line.replace(/[\\()]/g, '\\$&')}) Tj ET`).join('\n')
    add(`<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents ${5 + 2 * at} 0 R >>`)
    add(`<< /Length ${Buffer.byteLength(text, 'latin1')} >>\nstream\n${text}\nendstream`)
  })
  let file = '%PDF-1.7\n'
  const places = objects.map((body, at) => {
    const place = Buffer.byteLength(file, 'latin1')
    file += `${at + 1} 0 obj\n${body}\nendobj\n`
    return place
  })
  const table = Buffer.byteLength(file, 'latin1')
  const rows = places.map((place) => `${String(place).padStart(10, '0')} 00000 n \n`).join('')
  file += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`
  return Buffer.from(file, 'latin1')
}

export const ORDONNANCE = ['Docteur Jeanne Martin', '', 'Ordonnance pour Anne Lefevre', '', 'Paracetamol 1 g, trois fois par jour, cinq jours', 'Lavages de nez au serum physiologique']
