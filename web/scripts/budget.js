// Weighs what a page loads before the first tap, compressed as the server compresses it, in what `npm run build` made.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist')

/**
 * kB (1000 bytes), compressed. The link page is opened on weak mobile lines; 72 of its kB are the file of React and the frame.
 */
const BUDGETS = [
  { page: 'the link page, before the first tap', entry: 'PatientApp', most: 86 },
  { page: 'the call of a patient', entry: 'CallScreen', most: 350 },
]

/** The files that a script cannot start without: its static imports, and theirs. */
function needed(file, found = new Set()) {
  if (found.has(file)) return found
  found.add(file)
  const text = readFileSync(join(dist, 'assets', file), 'utf8')
  for (const [, name] of text.matchAll(/(?:\bfrom|\bimport)\s*["']\.\/([\w.-]+\.js)["']/g)) needed(name, found)
  return found
}

if (!existsSync(join(dist, 'index.html'))) {
  console.error('budget: no dist: run `npm run build` first')
  process.exit(1)
}
const html = readFileSync(join(dist, 'index.html'), 'utf8')
const first = [...html.matchAll(/assets\/([\w.-]+\.js)/g)].map(([, name]) => name)
const scripts = readdirSync(join(dist, 'assets')).filter((name) => name.endsWith('.js'))
let failed = first.length === 0
for (const { page, entry, most } of BUDGETS) {
  const own = scripts.filter((name) => name.startsWith(`${entry}-`))
  if (own.length !== 1) {
    console.error(`budget: ${entry} is ${own.length} files, expected one`)
    failed = true
    continue
  }
  const files = new Set()
  for (const file of [...first, ...own]) needed(file, files)
  const bytes = [...files].reduce((sum, file) => sum + gzipSync(readFileSync(join(dist, 'assets', file))).length, 0)
  const verdict = bytes <= most * 1000 ? 'within' : 'OVER'
  console.log(`budget: ${page}: ${(bytes / 1000).toFixed(1)} kB of ${most} kB compressed, ${verdict}`)
  failed ||= bytes > most * 1000
}
process.exit(failed ? 1 : 0)
