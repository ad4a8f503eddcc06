// Weighs what pages load, compressed as the server compresses it, in what `npm run build` made.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist')

/**
 * kB (1000 bytes), compressed. The link page is opened on weak mobile lines: everything that it fetches before the first tap
 * counts, style and type too. What it fetches ahead while somebody reads it is not needed for it and counts with the call.
 */
const BUDGETS = [
  { page: 'the link page, before the first tap, all files', entries: ['landing'], whole: true, most: 80 },
  { page: 'the call of a patient, scripts', entries: ['landing', 'start', 'PatientApp', 'CallScreen'], whole: false, most: 350 },
]

const file = (name) => readFileSync(join(dist, 'assets', name))
const weigh = (name) => (/\.(js|css|svg|html)$/.test(name) ? gzipSync(file(name)).length : file(name).length)

/** The files that a script cannot start without: its static imports, and theirs. */
function needed(name, found = new Set()) {
  if (found.has(name)) return found
  found.add(name)
  for (const [, other] of file(name).toString().matchAll(/(?:\bfrom|\bimport)\s*["']\.\/([\w.-]+\.js)["']/g)) needed(other, found)
  return found
}

/** The style sheets that are fetched together with a part, as the loader that starts it lists them. */
function stylesOf(part, loader) {
  const text = file(loader).toString()
  const list = /m\.f\|\|\(m\.f=\[(.*?)\]/.exec(text)?.[1].split(',').map((name) => name.slice(1, -1).replace('assets/', ''))
  const wanted = new RegExp(`import\\(["'\`]\\./${part}-.*?__vite__mapDeps\\(\\[([\\d,]*)\\]`).exec(text)?.[1].split(',')
  if (list === undefined || wanted === undefined) throw new Error(`budget: ${loader} does not say what ${part} needs`)
  return wanted.map((at) => list[Number(at)]).filter((name) => name.endsWith('.css'))
}

if (!existsSync(join(dist, 'index.html'))) {
  console.error('budget: no dist: run `npm run build` first')
  process.exit(1)
}
const html = readFileSync(join(dist, 'index.html'), 'utf8')
const all = readdirSync(join(dist, 'assets'))
const first = [...html.matchAll(/assets\/([\w.-]+\.(?:js|css))/g)].map(([, name]) => name)
let failed = first.length === 0
for (const { page, entries, whole, most } of BUDGETS) {
  const files = new Set()
  for (const name of first) if (name.endsWith('.js')) needed(name, files)
  for (const entry of entries) {
    const own = all.filter((name) => name.startsWith(`${entry}-`) && name.endsWith('.js'))
    if (own.length !== 1) {
      console.error(`budget: ${entry} is ${own.length} files, expected one`)
      failed = true
      continue
    }
    needed(own[0], files)
  }
  let bytes = 0
  if (whole) {
    for (const name of first) if (name.endsWith('.css')) files.add(name)
    const loader = first.find((name) => name.endsWith('.js'))
    for (const entry of entries) for (const name of stylesOf(entry, loader)) files.add(name)
    for (const name of all) if (name.endsWith('.woff2')) files.add(name)
    bytes += gzipSync(html).length + gzipSync(readFileSync(join(dist, 'favicon.svg'))).length
  }
  for (const name of files) bytes += weigh(name)
  const verdict = bytes <= most * 1000 ? 'within' : 'OVER'
  console.log(`budget: ${page}: ${(bytes / 1000).toFixed(1)} kB of ${most} kB compressed, ${verdict}`)
  failed ||= bytes > most * 1000
}
process.exit(failed ? 1 : 0)
