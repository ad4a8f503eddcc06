import { lazy, useEffect, useState, type ComponentType } from 'react'
import { partOf, type Part } from './parts'
import { showDisplay } from './ui/display'
import { useDisplay } from './ui/useDisplay'

const pages: Record<Part, ComponentType> = {
  home: lazy(() => import('./home/HomePage')),
  info: lazy(() => import('./home/InfoPages')),
  embed: lazy(() => import('./embed/EmbedApp')),
  operator: lazy(() => import('./operator/OperatorPage')),
  professional: lazy(() => import('./pro/ProApp')),
  missing: lazy(() => import('./home/MissingPage')),
}
/** For work at a desk: smaller type, more of it. */
const DESKS: readonly Part[] = ['professional', 'embed', 'operator']

/** What is not opened on a telephone, apart so that its list weighs nothing there. */
export default function Others() {
  const [part] = useState(() => partOf(location.pathname))
  const display = useDisplay()
  useEffect(() => showDisplay(display, DESKS.includes(part)), [display, part])
  const Pages = pages[part]
  return <Pages />
}
