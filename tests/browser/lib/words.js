import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { root } from './paths.js'

const web = join(root, 'web')
const ts = createRequire(join(web, 'package.json'))('typescript')

/**
 * The texts of the pages in one language, by area (`words.pro.immediate`), from the catalogues themselves: whoever presses a
 * button in a test reads the same words as people do, in both languages.
 */
export async function wordsOf(language) {
  const folder = join(web, 'src', 'i18n', language)
  const areas = readdirSync(folder).map(async (file) => {
    const { outputText } = ts.transpileModule(readFileSync(join(folder, file), 'utf8'), {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    })
    const catalogue = await import(`data:text/javascript;base64,${Buffer.from(outputText).toString('base64')}`)
    return [file.replace(/\.ts$/, ''), catalogue[language]]
  })
  const words = Object.fromEntries(await Promise.all(areas))
  // The patient's way keeps what comes before the first tap apart, so that it loads little.
  return { language, ...words, guest: { ...words.link, ...words.patient } }
}
