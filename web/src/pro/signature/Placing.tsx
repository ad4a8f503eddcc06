import { useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react'
import { documents as api, signatureImage, type Box, type DocumentBody, type Visibility } from '../../api/documents'
import { useLoad } from '../../api/useAction'
import { useWords } from '../../i18n/deskDocuments'
import { useWords as useProWords } from '../../i18n/pro'
import { Sheet, usePdf } from '../../documents/PdfView'
import { useDocumentWords } from '../../documents/words'
import { Button } from '../../ui/Button'
import { MinusIcon, PenIcon, PlusIcon } from '../../ui/deskIcons'
import { CloseIcon } from '../../ui/icons'
import { Dialog } from '../../ui/Dialog'
import { CheckField, SelectField } from '../../ui/Field'
import { Notice } from '../../ui/Notice'
import { Spinner } from '../../ui/Progress'
import { useToast } from '../../ui/Toasts'
import { useDesk } from '../desk'
import { usePresentAction } from '../Presence'
import { ProblemNotice } from '../parts'
import { inside, keyed, PRESETS, presetBox, scaled, type Preset } from './place'
import { useBlobUrl } from './SignatureCard'

interface PlacingProps {
  document: DocumentBody
  visibility: Visibility[] | undefined
  onClose: () => void
}

/** Absent page: the last one. */
interface Place {
  page: number | undefined
  box: Box
}

/** The page with the box on it. Dragging is one way of three: a list and the arrow keys do the same. */
export default function Placing({ document, visibility, onClose }: PlacingProps) {
  const { t } = useWords()
  const { t: pro } = useProWords()
  const { consultation, documents, reload } = useDesk()
  const tell = useToast()
  const loaded = useLoad(`bytes ${document.id}`, async () => (await api.content(consultation.id, document.id)).blob.arrayBuffer())
  const picture = useLoad('signature', async () => (await signatureImage.get()).blob)
  const [place, setPlace] = useState<Place>({ page: undefined, box: presetBox('bottom-right', undefined) })
  const [seal, setSeal] = useState(true)
  // What only its owner sees is usually signed to be sent.
  const kept = document.own && document.visible_to.length === 0 && visibility === undefined
  const [sendToo, setSendToo] = useState(true)
  const action = usePresentAction()
  const readers: Visibility[] | undefined = kept && sendToo ? [{ role: 'patient' }] : visibility
  const sends = readers !== undefined && readers.length > 0
  const url = useBlobUrl(picture.value)
  const sign = (): void => {
    void action.run(async () => {
      const made = await api.sign(consultation.id, document.id, {
        box: place.box,
        seal,
        ...(place.page === undefined ? {} : { page: place.page }),
        ...(readers === undefined ? {} : { visibility: readers }),
      })
      tell(t.signDone(made.name))
      documents.reload()
      reload()
      onClose()
    })
  }
  const refusal = action.problem?.code === 'document-not-stampable' ? action.problem.fields.map(({ code }) => t.stamping[code]).find((text) => text !== undefined) : undefined
  return (
    <>
      <Dialog wide title={t.signTitle(document.name)} onClose={onClose} actions={
        <>
          <Button icon={<CloseIcon />} kind="quiet" onClick={onClose}>{pro.cancel}</Button>
          <Button icon={<PenIcon />} busy={action.busy} disabled={loaded.value === undefined} onClick={sign}>{sends ? t.signAndSend : t.signNow}</Button>
        </>
      }>
        <ProblemNotice problem={loaded.problem ?? picture.problem} />
        {refusal === undefined ? <ProblemNotice problem={action.problem} /> : <Notice kind="bad">{refusal}</Notice>}
        {loaded.value === undefined ? loaded.problem === undefined && <Spinner>{t.opening}</Spinner> : (
          <Stage bytes={loaded.value} picture={url} place={place} onPlace={setPlace}>
            <CheckField label={t.seal} hint={t.sealHint} checked={seal} onChange={(event) => setSeal(event.target.checked)} />
            {kept && <CheckField label={t.signSendToo} checked={sendToo} onChange={(event) => setSendToo(event.target.checked)} />}
          </Stage>
        )}
      </Dialog>
      {action.question}
    </>
  )
}

interface StageProps {
  bytes: ArrayBuffer
  picture: string | undefined
  place: Place
  onPlace: (place: Place) => void
  children: ReactNode
}

function Stage({ bytes, picture, place, onPlace, children }: StageProps) {
  const { t } = useWords()
  const { t: shared } = useDocumentWords()
  const { pdf, failed } = usePdf(bytes)
  const [preset, setPreset] = useState<Preset | 'free'>('bottom-right')
  const [lastLine, setLastLine] = useState<number>()
  const frame = useRef<HTMLDivElement>(null)
  const grip = useRef<{ x: number; y: number }>(undefined)
  if (failed) return <Notice kind="bad">{shared.notShown}</Notice>
  if (pdf === undefined) return <Spinner>{t.opening}</Spinner>
  const page = place.page ?? pdf.pages
  const { box } = place
  const move = (next: Box): void => {
    setPreset('free')
    onPlace({ page, box: next })
  }
  const choose = (next: Preset): void => {
    setPreset(next)
    onPlace({ page, box: presetBox(next, lastLine) })
  }
  const onKey = (event: KeyboardEvent): void => {
    const next = keyed(box, event.key, event.shiftKey && event.key.startsWith('Arrow'))
    if (next === undefined) return
    event.preventDefault()
    move(next)
  }
  const at = (event: PointerEvent): { x: number; y: number } => {
    const around = frame.current?.getBoundingClientRect()
    return around === undefined ? { x: 0, y: 0 } : { x: (event.clientX - around.left) / around.width, y: (event.clientY - around.top) / around.height }
  }
  const percent = (share: number): number => Math.round(share * 100)
  return (
    <div className="sign-stage">
      <div className="sign-sheet">
        <Sheet key={page} pdf={pdf} number={page} onLastLine={(found) => {
          setLastLine(found)
          if (preset === 'under-last-line') onPlace({ page, box: presetBox(preset, found) })
        }}>
          <div ref={frame} className="sign-frame">
            <button
              type="button"
              className="sign-box"
              aria-label={t.signBox}
              style={{ left: `${box.x * 100}%`, top: `${box.y * 100}%`, width: `${box.width * 100}%`, height: `${box.height * 100}%` }}
              onKeyDown={onKey}
              onPointerDown={(event) => {
                event.currentTarget.setPointerCapture(event.pointerId)
                const point = at(event)
                grip.current = { x: point.x - box.x, y: point.y - box.y }
              }}
              onPointerMove={(event) => {
                if (grip.current === undefined) return
                const point = at(event)
                move(inside({ ...box, x: point.x - grip.current.x, y: point.y - grip.current.y }))
              }}
              onPointerUp={() => (grip.current = undefined)}
              onPointerCancel={() => (grip.current = undefined)}
            >
              {picture !== undefined && <img src={picture} alt="" draggable={false} />}
            </button>
          </div>
        </Sheet>
      </div>
      <div className="sign-tools pro-stack">
        <p className="field-hint">{t.signHint}</p>
        <SelectField label={t.signPage} value={page} onChange={(event) => {
          setLastLine(undefined)
          onPlace({ page: Number(event.target.value), box })
        }}>
          {Array.from({ length: pdf.pages }, (_, index) => <option key={index} value={index + 1}>{t.signPageOf(index + 1, pdf.pages)}</option>)}
        </SelectField>
        <SelectField label={t.signPlace} value={preset} onChange={(event) => choose(event.target.value as Preset)}>
          {PRESETS.map((each) => <option key={each} value={each}>{t.places[each]}</option>)}
          {preset === 'free' && <option value="free">{t.places.free}</option>}
        </SelectField>
        <div className="pro-row">
          <Button icon={<MinusIcon />} kind="quiet" className="button-small" onClick={() => move(scaled(box, 1 / 1.15))}>{t.signSmaller}</Button>
          <Button icon={<PlusIcon />} kind="quiet" className="button-small" onClick={() => move(scaled(box, 1.15))}>{t.signLarger}</Button>
        </div>
        <p className="field-hint" role="status">{t.signAt(page, percent(box.x), percent(box.y))}</p>
        {children}
      </div>
    </div>
  )
}
