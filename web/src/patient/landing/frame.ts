import { en as commonEn } from '../../i18n/en/common'
import { en as linkEn } from '../../i18n/en/link'
import { fr as commonFr } from '../../i18n/fr/common'
import { fr as linkFr } from '../../i18n/fr/link'
import { languageNames, languages, type Language } from '../../i18n/language'
import { display, setDisplay, SIZES, themes, type Theme } from '../../ui/display'
import { button, h, icon, logo, phone } from './dom'

const catalogues = { fr: { ...commonFr, ...linkFr }, en: { ...commonEn, ...linkEn } }
export type LinkWords = (typeof catalogues)['fr']
export const wordsIn = (language: Language): LinkWords => catalogues[language]

export interface Framed {
  screen: string
  title: string
  /** Of the practice. */
  phone: string | undefined
  hours: string | undefined
  children: (Node | false | undefined)[]
}

/** The frame of every page (`ui/Page.tsx`), drawn without React: the same names and the same places, so that nothing moves when it takes over. */
export function frame(language: Language, choose: (language: Language) => void, framed: Framed): HTMLElement {
  const t = wordsIn(language)
  const heading = h('h1', { tabindex: '-1' }, framed.title)
  const content = h(
    'main',
    { id: 'content', class: 'page-main', tabindex: '-1' },
    h('div', { class: 'page-body' }, heading, h('div', { class: 'patient', 'data-test': `patient-${framed.screen}` }, ...framed.children)),
  )
  const skip = h('a', { class: 'skip', href: '#content' }, t.skip)
  skip.addEventListener('click', (event) => {
    // The fragment of the address is where the link keeps its secret.
    event.preventDefault()
    content.focus()
  })
  const help = h('button', { type: 'button', class: 'help', click: () => openHelp(t, framed) }, icon('help'), t.help)
  return h(
    'div',
    { class: 'page' },
    skip,
    h(
      'header',
      { class: 'page-top' },
      h('span', { class: 'brand' }, logo(), h('span', {}, h('strong', {}, 'Chevet'), h('small', {}, t.line))),
      textSize(t),
      h('div', { class: 'languages', role: 'group', 'aria-label': 'Langue / Language' }, ...languages.map((each) => languageButton(each, language, choose))),
    ),
    content,
    h('footer', { class: 'page-foot' }, help, themeChoice(t)),
    h('div', { class: 'notices', role: 'status' }),
  )
}

function languageButton(each: Language, chosen: Language, choose: (language: Language) => void): HTMLElement {
  return h(
    'button',
    { type: 'button', class: 'language', lang: each, 'aria-pressed': String(each === chosen), title: languageNames[each], click: () => choose(each) },
    h('span', { 'aria-hidden': 'true' }, each.toUpperCase()),
    h('span', { class: 'unseen' }, languageNames[each]),
  )
}

function textSize(t: LinkWords): HTMLElement {
  const step = (by: number): void => {
    setDisplay({ size: display().size + by })
    show()
  }
  const smaller = h('button', { type: 'button', class: 'language', 'aria-label': `A− ${t.smaller}`, click: () => step(-1) }, 'A−')
  const larger = h('button', { type: 'button', class: 'language language-large', 'aria-label': `A+ ${t.larger}`, click: () => step(1) }, 'A+')
  const show = (): void => {
    smaller.disabled = display().size <= SIZES.least
    larger.disabled = display().size >= SIZES.most
  }
  show()
  return h('div', { class: 'text-size', role: 'group', 'aria-label': t.textSize }, smaller, larger)
}

function themeChoice(t: LinkWords): HTMLElement {
  const names: Record<Theme, string> = { auto: t.themeAuto, light: t.themeLight, dark: t.themeDark, contrast: t.themeContrast }
  const select = h('select', {}, ...themes.map((each) => h('option', { value: each }, names[each])))
  select.value = display().theme
  select.addEventListener('change', () => setDisplay({ theme: select.value as Theme }))
  return h('label', { class: 'theme' }, h('span', {}, t.theme), select)
}

function openHelp(t: LinkWords, { phone: number, hours }: Framed): void {
  const title = h('h2', { id: 'help-title' }, t.helpTitle)
  const dialog = h(
    'dialog',
    { class: 'dialog', 'aria-labelledby': 'help-title' },
    title,
    h(
      'div',
      { class: 'dialog-body' },
      h('p', {}, t.helpText),
      h('p', {}, t.helpTrouble),
      number !== undefined && h('p', {}, t.callPractice),
      number !== undefined && phone(number),
      hours !== undefined && h('p', {}, hours),
      h('p', {}, t.helpUrgent),
    ),
    h('div', { class: 'dialog-actions' }, button(t.close, () => dialog.close(), { sign: 'close' })),
  )
  // The browser gives the focus back to where it was.
  dialog.addEventListener('close', () => dialog.remove())
  document.body.append(dialog)
  dialog.showModal()
}
