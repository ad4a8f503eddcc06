import type { ReactNode } from 'react'
import { useAdminWords } from '../i18n/admin'
import { Frame } from '../pro/Frame'
import { To } from '../pro/parts'
import { paths } from '../pro/router'
import { Adapters } from './Adapters'
import { Audit } from './Audit'
import { Clients } from './Clients'
import { Payments } from './Payments'
import { Registrations } from './Registrations'
import { Settings } from './Settings'
import { Users } from './Users'
import './admin.css'

const PARTS = ['registrations', 'users', 'payments', 'settings', 'adapters', 'audit', 'clients'] as const
type Part = (typeof PARTS)[number]

/** Each part has an address of its own, so that it can be kept and sent. */
const ADDRESSES: Record<Part, string> = {
  registrations: paths.admin,
  users: `${paths.admin}/utilisateurs`,
  payments: `${paths.admin}/paiement`,
  settings: `${paths.admin}/reglages`,
  adapters: `${paths.admin}/services`,
  audit: `${paths.admin}/journal`,
  clients: `${paths.admin}/clients`,
}

export default function Admin({ path }: { path: string }) {
  const { t } = useAdminWords()
  const part = PARTS.find((each) => ADDRESSES[each] === path) ?? 'registrations'
  const screens: Record<Part, () => ReactNode> = {
    registrations: () => <Registrations />,
    users: () => <Users />,
    payments: () => <Payments />,
    settings: () => <Settings />,
    adapters: () => <Adapters />,
    audit: () => <Audit />,
    clients: () => <Clients />,
  }
  return (
    <Frame title={t.parts[part]} screen={path} at={paths.admin}>
      <nav className="admin-nav" aria-label={t.adminTabs}>
        {PARTS.map((each) => <To key={each} path={ADDRESSES[each]} current={each === part}>{t.parts[each]}</To>)}
      </nav>
      {screens[part]()}
    </Frame>
  )
}
