import { useWords } from '../i18n/call'
import type { Caption } from './captions'

interface CaptionAreaProps {
  captions: readonly Caption[]
  nameOf: (identity: string) => string | undefined
}

/**
 * Captions over the pictures. What is shown changes with every word, so it is hidden from screen readers; they read each
 * stretch once, when it is final. The region is always there: otherwise they miss the first words.
 */
export function CaptionArea({ captions, nameOf }: CaptionAreaProps) {
  const { t } = useWords()
  const said = ({ identity, text }: Caption): string => {
    const name = nameOf(identity)
    return name === undefined ? text : t.captionOf(name, text)
  }
  return (
    <>
      {captions.length > 0 && (
        <div className="captions" aria-hidden="true">
          {captions.map((caption) => <p key={caption.id}>{said(caption)}</p>)}
        </div>
      )}
      <div className="unseen" role="log" aria-label={t.captions}>
        {captions.filter(({ final }) => final).map((caption) => <p key={caption.id}>{said(caption)}</p>)}
      </div>
    </>
  )
}
