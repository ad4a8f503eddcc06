import { useSyncExternalStore } from 'react'

const listeners = new Set<() => void>()
const tell = (): void => listeners.forEach((listener) => listener())
const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener)
  addEventListener('popstate', listener)
  return () => {
    listeners.delete(listener)
    removeEventListener('popstate', listener)
  }
}

export const paths = {
  login: '/connexion',
  forgot: '/connexion/oubli',
  register: '/inscription',
  list: '/mes-teleconsultations',
  appointment: '/mes-teleconsultations/nouveau',
  consultation: (id: string) => `/mes-teleconsultations/${id}`,
  sheet: (id: string) => `/mes-teleconsultations/${id}/fiche-fse`,
  admin: '/admin',
  support: '/support',
  account: '/compte',
}

/** One consultation in a portal's frame: there is nowhere else to go. */
export const embedded = (): boolean => location.pathname.startsWith('/integration/')

export function go(path: string, replace = false): void {
  if (embedded()) return
  if (replace) history.replaceState(null, '', path)
  else history.pushState(null, '', path)
  scrollTo(0, 0)
  tell()
}

/** The path without a slash at its end. */
export const usePath = (): string =>
  useSyncExternalStore(subscribe, () => location.pathname.replace(/\/+$/, '') || '/')

/** What stands behind the `#`, taken out of the address bar so that nobody reads it over a shoulder or in the history. */
export function takeFragment(): string {
  const fragment = location.hash.replace(/^#/, '')
  if (fragment !== '') history.replaceState(null, '', location.pathname)
  return fragment
}

/** The id of `/mes-teleconsultations/<id>`. */
export function consultationOf(path: string): string | undefined {
  return /^\/mes-teleconsultations\/(cs_[0-9a-f]{32})$/.exec(path)?.[1]
}

/** The id of `/mes-teleconsultations/<id>/fiche-fse`. */
export function sheetOf(path: string): string | undefined {
  return /^\/mes-teleconsultations\/(cs_[0-9a-f]{32})\/fiche-fse$/.exec(path)?.[1]
}

const AFTER = 'chevet.after'

/** Where to come back to after a login elsewhere. Only paths of these pages. */
export function rememberPlace(): void {
  try {
    sessionStorage.setItem(AFTER, location.pathname)
  } catch {
    // Private modes may refuse storage: the list is a good place too.
  }
}

export function rememberedPlace(): string {
  try {
    const place = sessionStorage.getItem(AFTER)
    sessionStorage.removeItem(AFTER)
    if (place !== null && /^\/(mes-teleconsultations|admin|support|compte)(\/|$)/.test(place)) return place
  } catch {
    // As above.
  }
  return paths.list
}
