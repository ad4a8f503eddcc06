import { siteOf } from './site'
import './styles/base.css'
import './styles/ui.css'
import './styles/pages.css'
import './styles/call.css'

const root = document.getElementById('app')
if (root !== null) {
  // A patient's telephone loads no more than the page that it looks at, until somebody comes in.
  if (siteOf(location.pathname) === 'patient') void import('./patient/landing/landing').then(({ openLanding }) => openLanding(root))
  else void import('./start').then(({ start }) => start(root))
}
