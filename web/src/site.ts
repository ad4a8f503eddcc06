export type Site = 'patient' | 'test' | 'join' | 'professional'

/** Which part of the pages a path belongs to. Whatever is nobody else's is the professional's. */
export function siteOf(path: string): Site {
  switch (path.replace(/\/+$/, '')) {
    case '/c':
      return 'patient'
    case '/test':
      return 'test'
    case '':
    case '/index.html':
    case '/join':
    case '/call':
      return 'join'
    default:
      return 'professional'
  }
}
