import { expect, test } from 'vitest'

const files = import.meta.glob<Record<string, Record<string, unknown>>>('./{fr,en}/*.ts', { eager: true })
const areas = [...new Set(Object.keys(files).map((path) => path.replace(/^.*\//, '')))]
const catalogue = (language: 'fr' | 'en', area: string): Record<string, unknown> | undefined =>
  files[`./${language}/${area}`]?.[language]

test('there are areas to compare', () => {
  expect(areas).toContain('call.ts')
  expect(areas).toContain('patient.ts')
})

test.each(areas)('both catalogues of %s hold the same texts, none of them empty', (area) => {
  const [fr, en] = [catalogue('fr', area), catalogue('en', area)]
  expect(Object.keys(en ?? {}).sort()).toEqual(Object.keys(fr ?? {}).sort())
  expect(Object.keys(fr ?? {}).length).toBeGreaterThan(0)
  const texts = (value: unknown): unknown[] =>
    typeof value === 'object' && value !== null ? Object.values(value).flatMap(texts) : [value]
  for (const text of [...texts(fr), ...texts(en)]) {
    const shown = typeof text === 'function' ? (text as (...given: string[]) => string)('x', 'y', 'z') : text
    expect(String(shown).trim()).not.toBe('')
  }
})
