export type Site = 'patient' | 'test' | 'join' | 'other'

/** The parts that are opened on telephones; all others are told apart by `partOf`, which no telephone has to load. */
export function siteOf(path: string): Site {
  switch (path.replace(/\/+$/, '')) {
    case '/c':
      return 'patient'
    case '/test':
      return 'test'
    case '/join':
    case '/call':
      return 'join'
    default:
      return 'other'
  }
}
