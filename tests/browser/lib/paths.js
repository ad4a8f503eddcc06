import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const here = dirname(dirname(fileURLToPath(import.meta.url)))
export const root = join(here, '..', '..')
/** Logs of servers and pages: what to read when a test failed. */
export const out = join(root, 'tests', 'out', 'browser')
mkdirSync(out, { recursive: true })

/** A file name for a test's sentence. */
export const slug = (sentence) => sentence.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 150)
