/** Whether this browser can make the call; if not, why. */
export type Gate = 'fine' | 'webview' | 'old' | 'insecure'
export type System = 'ios' | 'android' | 'other'

/** What the decision needs of a browser. */
export interface Browser {
  userAgent: string
  secure: boolean
  peerConnection: boolean
  mediaDevices: boolean
}

export function systemOf(userAgent: string): System {
  if (/iPhone|iPad|iPod/.test(userAgent)) return 'ios'
  return /Android/.test(userAgent) ? 'android' : 'other'
}

/** Browsers inside other applications: cameras are refused there, or the question never comes up. */
export function isWebview(userAgent: string): boolean {
  if (/\b(FBAN|FBAV|FB_IAB|Instagram|Line|Snapchat|MicroMessenger|Twitter|LinkedInApp|GSA)\b|WhatsApp|Messenger/.test(userAgent)) {
    return true
  }
  switch (systemOf(userAgent)) {
    case 'android':
      return /; wv\)/.test(userAgent)
    case 'ios':
      // Safari and its siblings name themselves; a bare WebKit is somebody else's window.
      return !/Safari\/|CriOS|FxiOS|EdgiOS|OPT\/|DuckDuckGo/.test(userAgent)
    case 'other':
      return false
  }
}

export function gateOf(browser: Browser): Gate {
  if (isWebview(browser.userAgent)) return 'webview'
  if (!browser.secure) return 'insecure'
  return browser.peerConnection && browser.mediaDevices ? 'fine' : 'old'
}

export const thisGate = (): Gate =>
  gateOf({
    userAgent: navigator.userAgent,
    secure: isSecureContext,
    peerConnection: 'RTCPeerConnection' in window,
    mediaDevices: 'mediaDevices' in navigator,
  })

/** Opens the same page in Chrome, where the application of messages lets it. */
export function chromeIntent(address: string): string {
  const { host, pathname, hash, protocol } = new URL(address)
  // The fragment of an intent is its own: ours goes in as text.
  const rest = `${host}${pathname}${hash.replace('#', '%23')}`
  return `intent://${rest}#Intent;scheme=${protocol.replace(':', '')};package=com.android.chrome;end`
}
