import type { ReactNode } from 'react'
import { useHomeWords } from '../i18n/home'
import { Page } from '../ui/Page'
import { Foot } from './Foot'

/** The frame of what anybody may read. */
export function Info({ title, children }: { title: string; children: ReactNode }) {
  const { t } = useHomeWords()
  return (
    <Page title={title} foot={<Foot />} wide>
      <p><a href="/">{t.toHome}</a></p>
      {children}
    </Page>
  )
}
