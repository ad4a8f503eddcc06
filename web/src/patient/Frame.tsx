import { useState, type ReactNode } from 'react'
import { Button } from '../ui/Button'
import { CloseIcon } from '../ui/icons'
import { Dialog } from '../ui/Dialog'
import { Page } from '../ui/Page'
import { HelpText } from './Help'
import { usePatientWords } from './words'

interface FrameProps {
  screen: string
  title: string
  phone?: string | undefined
  children?: ReactNode
}

/** One screen: a heading, a few words, the actions; help at the same place on all of them. */
export function Frame({ screen, title, phone, children }: FrameProps) {
  const { t } = usePatientWords()
  const [help, setHelp] = useState(false)
  return (
    <Page line={t.line} title={title} screen={screen} help={{ onClick: () => setHelp(true) }}>
      <div className="patient" data-test={`patient-${screen}`}>
        {children}
      </div>
      {help && (
        <Dialog
          title={t.helpTitle}
          onClose={() => setHelp(false)}
          actions={<Button icon={<CloseIcon />} onClick={() => setHelp(false)}>{t.close}</Button>}
        >
          <HelpText phone={phone} />
        </Dialog>
      )}
    </Page>
  )
}
