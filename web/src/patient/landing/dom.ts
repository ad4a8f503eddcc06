import { paths } from '../../ui/paths'

type Child = Node | string | false | undefined
type Given = Record<string, string | boolean | ((event: Event) => void) | undefined>

/** An element: functions are its listeners, everything else its attributes. Text stays text. */
export function h<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, given: Given = {}, ...children: Child[]): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === 'function') element.addEventListener(name, value)
    else if (value === true) element.setAttribute(name, '')
    else if (typeof value === 'string') element.setAttribute(name, value)
  }
  element.append(...children.filter((child): child is Node | string => child !== false && child !== undefined))
  return element
}

function drawing(kind: string, field: number, ...parts: [tag: string, given: Record<string, string>][]): SVGElement {
  const svg = (tag: string, given: Record<string, string>): SVGElement => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag)
    for (const [name, value] of Object.entries(given)) element.setAttribute(name, value)
    return element
  }
  const whole = svg('svg', { class: kind, viewBox: `0 0 ${field} ${field}`, 'aria-hidden': 'true', focusable: 'false' })
  whole.append(...parts.map(([tag, given]) => svg(tag, given)))
  return whole
}

export const icon = (name: keyof typeof paths): SVGElement => drawing('icon', 24, ['path', { d: paths[name] }])

export const logo = (): SVGElement =>
  drawing(
    'logo',
    32,
    ['rect', { class: 'logo-plate', width: '32', height: '32', rx: '9' }],
    ['path', { class: 'logo-shade', d: 'M11 7h10l4 9H7z' }],
    ['path', { class: 'logo-foot', d: 'M16 16v7m-5 2h10' }],
  )

/** A button with its sign and its word; the one action of the screen unless it is `quiet`. */
export function button(
  word: string,
  press: () => void,
  { sign, quiet = false, test }: { sign: keyof typeof paths; quiet?: boolean; test?: string },
): HTMLButtonElement {
  const kind = quiet ? 'button button-quiet' : 'button button-main'
  return h('button', { type: 'button', class: kind, 'data-test': test, click: press }, icon(sign), h('span', {}, word))
}

/** Says what goes on in place of the sign, and takes no second press. */
export function busy(pressed: HTMLButtonElement): void {
  pressed.disabled = true
  pressed.setAttribute('aria-busy', 'true')
  pressed.querySelector('svg')?.remove()
  pressed.prepend(h('span', { class: 'spinner', 'aria-hidden': 'true' }))
}

export function notice(kind: 'info' | 'bad', ...words: string[]): HTMLElement {
  const lines = words.map((line) => h('p', {}, line))
  return h(
    'div',
    { class: `notice notice-${kind}`, role: kind === 'bad' ? 'alert' : 'status' },
    icon(kind === 'bad' ? 'alert' : 'info'),
    h('div', { class: 'notice-words' }, ...lines),
  )
}

export function phone(number: string): HTMLElement {
  return h('a', { class: 'patient-phone', href: `tel:${number.replace(/[^\d+]/g, '')}` }, icon('phone'), ' ', number)
}
