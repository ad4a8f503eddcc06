import ts from 'typescript'
import { expect, test } from 'vitest'

/** What comes before the first tap is drawn without React. */
const files = import.meta.glob<string>(['../**/*.tsx', '../patient/landing/*.ts'], { query: '?raw', import: 'default', eager: true })

/** Attributes, of elements and of our components, that people see or hear. */
const SAID = new Set([
  'aria-label', 'aria-description', 'aria-roledescription', 'aria-valuetext', 'alt', 'title', 'placeholder',
  'label', 'hint', 'error', 'word', 'line', 'legend', 'summary',
])
/** The same in every language. */
const NAMES = new Set(['Chevet', 'RPPS', 'ADELI', 'NGAP', 'A−', 'A+', 'aA', 'Langue / Language'])

/** Functions of those pages whose arguments are words. */
const WORDED = ['button', 'words']

/** Texts of a source that are written where people read them. */
function hardCoded(source: string): string[] {
  const found: string[] = []
  const toasts = source.includes('useToast()')
  const say = (text: string): void => {
    const words = text.replace(/\s+/g, ' ').trim()
    if (/\p{L}/u.test(words) && !NAMES.has(words)) found.push(words)
  }
  /** What an expression may come out as, as far as it is written there. */
  const value = (node: ts.Node | undefined): void => {
    if (node === undefined) return
    if (ts.isStringLiteralLike(node)) say(node.text)
    else if (ts.isTemplateExpression(node)) {
      say(node.head.text)
      for (const span of node.templateSpans) {
        value(span.expression)
        say(span.literal.text)
      }
    } else if (ts.isConditionalExpression(node)) {
      value(node.whenTrue)
      value(node.whenFalse)
    } else if (ts.isBinaryExpression(node)) {
      if (node.operatorToken.kind !== ts.SyntaxKind.AmpersandAmpersandToken && !isComparison(node)) value(node.left)
      if (!isComparison(node)) value(node.right)
    } else if (ts.isParenthesizedExpression(node) || ts.isAsExpression(node)) value(node.expression)
  }
  /** The children of an element that is drawn without React, and those of its attributes that are said. */
  const drawn = ([, given, ...children]: readonly ts.Expression[]): void => {
    children.forEach(value)
    if (given === undefined || !ts.isObjectLiteralExpression(given)) return
    for (const each of given.properties) {
      if (ts.isPropertyAssignment(each) && SAID.has(each.name.getText().replaceAll("'", ''))) value(each.initializer)
    }
  }
  const walk = (node: ts.Node): void => {
    if (ts.isJsxText(node)) say(node.text)
    else if (ts.isJsxAttribute(node)) {
      if (SAID.has(node.name.getText())) value(node.initializer && ts.isJsxExpression(node.initializer) ? node.initializer.expression : node.initializer)
    } else if (ts.isJsxExpression(node) && !ts.isJsxAttribute(node.parent)) value(node.expression)
    else if (ts.isCallExpression(node) && node.expression.getText() === 'h') drawn(node.arguments)
    else if (ts.isCallExpression(node) && WORDED.includes(node.expression.getText())) node.arguments.forEach((each) => (ts.isObjectLiteralExpression(each) ? undefined : value(each)))
    else if (toasts && ts.isCallExpression(node) && node.expression.getText() === 'tell') node.arguments.forEach(value)
    ts.forEachChild(node, walk)
  }
  walk(ts.createSourceFile('page.tsx', source, ts.ScriptTarget.ESNext, true, ts.ScriptKind.TSX))
  return found
}

function isComparison(node: ts.BinaryExpression): boolean {
  return [
    ts.SyntaxKind.EqualsEqualsEqualsToken, ts.SyntaxKind.ExclamationEqualsEqualsToken,
    ts.SyntaxKind.GreaterThanToken, ts.SyntaxKind.LessThanToken,
  ].includes(node.operatorToken.kind)
}

test.each(Object.entries(files))('%s takes its words from the catalogues', (_, source) => {
  expect(hardCoded(source)).toEqual([])
})

test('words that are written into a page are found', () => {
  const page = (inside: string): string[] => hardCoded(`const x = ${inside}`)
  expect(page('<p>Bonjour</p>')).toEqual(['Bonjour'])
  expect(page('<Button aria-label="Fermer" />')).toEqual(['Fermer'])
  expect(page('<TextField label={on ? "Oui" : t.no} />')).toEqual(['Oui'])
  expect(page('<p>{`${name} attend`}</p>')).toEqual(['attend'])
  expect(page('<p>{t.hello} {count}, {kind === "sms" && t.sms}</p>')).toEqual([])
  expect(page("h('p', { class: 'patient', 'aria-label': 'Fermer' }, 'Bonjour', t.hello)")).toEqual(['Bonjour', 'Fermer'])
  expect(page("button('Aller', go, { sign: 'arrow', test: 'go' })")).toEqual(['Aller'])
  expect(page('<i className="icon" data-test="begin" type="button" />')).toEqual([])
})
