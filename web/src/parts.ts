export type Part = 'home' | 'info' | 'embed' | 'operator' | 'professional' | 'missing'

/** The professional's pages, and everything below most of them. */
const PROFESSIONAL = /^\/(support\/?$|(connexion|inscription|mes-teleconsultations|compte|admin)(\/|$))/
const EMBEDDED = /^\/integration\/[^/]+\/?$/

/** Which part of the pages a path of no telephone belongs to. */
export function partOf(path: string): Part {
  switch (path.replace(/\/+$/, '')) {
    case '':
    case '/index.html':
      return 'home'
    case '/aide':
    case '/accessibilite':
    case '/confidentialite':
    case '/mentions-legales':
      return 'info'
    case '/exploitation':
      return 'operator'
    default:
      if (EMBEDDED.test(path)) return 'embed'
      return PROFESSIONAL.test(path) ? 'professional' : 'missing'
  }
}
