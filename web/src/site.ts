export type Site = 'home' | 'info' | 'patient' | 'test' | 'join' | 'embed' | 'operator' | 'professional'

/** Which part of the pages a path belongs to. Whatever is nobody else's is the professional's. */
export function siteOf(path: string): Site {
  switch (path.replace(/\/+$/, '')) {
    case '':
    case '/index.html':
      return 'home'
    case '/aide':
    case '/accessibilite':
    case '/confidentialite':
      return 'info'
    case '/c':
      return 'patient'
    case '/test':
      return 'test'
    case '/join':
    case '/call':
      return 'join'
    case '/exploitation':
      return 'operator'
    default:
      return path.startsWith('/integration/') ? 'embed' : 'professional'
  }
}
