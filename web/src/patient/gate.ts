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

/** Whose settings are shown: telephones by browser, computers by browser too. */
export type BrowserKind = 'safari-ios' | 'other-ios' | 'chrome-android' | 'samsung' | 'firefox-android' | 'firefox' | 'safari-mac' | 'chrome'

export function browserOf(userAgent: string): BrowserKind {
  switch (systemOf(userAgent)) {
    case 'ios':
      return /CriOS|FxiOS|EdgiOS|OPT\//.test(userAgent) ? 'other-ios' : 'safari-ios'
    case 'android':
      if (userAgent.includes('SamsungBrowser')) return 'samsung'
      return userAgent.includes('Firefox/') ? 'firefox-android' : 'chrome-android'
    case 'other':
      if (userAgent.includes('Firefox/')) return 'firefox'
      return /Chrom(e|ium)\//.test(userAgent) ? 'chrome' : 'safari-mac'
  }
}

/** Whose own settings may refuse camera and microphone. */
export type Platform = 'ios' | 'android' | 'windows' | 'mac' | 'other'

export function platformOf(userAgent: string): Platform {
  const system = systemOf(userAgent)
  if (system !== 'other') return system
  if (userAgent.includes('Windows')) return 'windows'
  return userAgent.includes('Macintosh') ? 'mac' : 'other'
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
