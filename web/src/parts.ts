export type Part = 'home' | 'info' | 'embed' | 'operator' | 'professional'

/** Which part of the pages a path of no telephone belongs to. Whatever is nobody else's is the professional's. */
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
      return path.startsWith('/integration/') ? 'embed' : 'professional'
  }
}
