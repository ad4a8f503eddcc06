import { useEffect, useRef, useState, type PointerEvent } from 'react'
import { signatureImage } from '../../api/documents'
import { ApiError } from '../../api/client'
import { useAction } from '../../api/useAction'
import { useMe } from '../../auth/session'
import { useWords } from '../../i18n/deskDocuments'
import { Button } from '../../ui/Button'
import { TrashIcon, UndoIcon } from '../../ui/deskIcons'
import { CheckIcon, FileIcon } from '../../ui/icons'
import { TextField } from '../../ui/Field'
import { Notice } from '../../ui/Notice'
import { Tabs } from '../../ui/Tabs'
import { useToast } from '../../ui/Toasts'
import { ProblemNotice } from '../parts'
import { drawStrokes, pngOf, SIZE, writeName, type Point, type Stroke } from './ink'

type Way = 'draw' | 'type' | 'upload'

/** Makes the picture of the signature: drawn, typed or brought along. */
export function SignatureMaker({ onSaved }: { onSaved: () => void }) {
  const { t } = useWords()
  const { reload } = useMe()
  const tell = useToast()
  const [way, setWay] = useState<Way>('draw')
  const [picture, setPicture] = useState<() => Promise<Blob | null>>()
  const [empty, setEmpty] = useState(false)
  const action = useAction()
  const refused = action.problem?.field('') === 'empty'
  const save = (): void => {
    setEmpty(picture === undefined)
    if (picture === undefined) return
    void action.run(async () => {
      const made = await picture()
      if (made === null) throw new ApiError(0, 'unexpected', t.signatureEmpty)
      await signatureImage.set(made)
      tell(t.signatureSaved)
      reload()
      onSaved()
    })
  }
  const put = (next: (() => Promise<Blob | null>) | undefined): void => {
    setEmpty(false)
    setPicture(() => next)
  }
  return (
    <div className="pro-stack">
      <Tabs label={t.ways} tabs={[{ name: 'draw', label: t.wayDraw }, { name: 'type', label: t.wayType }, { name: 'upload', label: t.wayUpload }]} chosen={way} onChoose={(next) => {
        setWay(next)
        put(undefined)
      }}>
        {way === 'draw' && <Drawn onPicture={put} />}
        {way === 'type' && <Typed onPicture={put} />}
        {way === 'upload' && <Uploaded onPicture={put} />}
      </Tabs>
      {(empty || refused) && <Notice kind="bad">{t.signatureEmpty}</Notice>}
      {!refused && <ProblemNotice problem={action.problem} />}
      <div className="pro-row">
        <Button icon={<CheckIcon />} busy={action.busy} onClick={save}>{t.signatureSave}</Button>
      </div>
    </div>
  )
}

interface WayProps {
  /** How the picture is had; nothing while there is none. */
  onPicture: (picture: (() => Promise<Blob | null>) | undefined) => void
}

function Drawn({ onPicture }: WayProps) {
  const { t } = useWords()
  const canvas = useRef<HTMLCanvasElement>(null)
  const [strokes, setStrokes] = useState<readonly Stroke[]>([])
  const drawing = useRef<Point[]>(undefined)
  const draw = (all: readonly Stroke[]): void => {
    const context = canvas.current?.getContext('2d')
    if (context) drawStrokes(context, all)
  }
  const change = (next: readonly Stroke[]): void => {
    setStrokes(next)
    draw(next)
    const element = canvas.current
    onPicture(next.length === 0 || element === null ? undefined : () => pngOf(element))
  }
  const at = (event: PointerEvent<HTMLCanvasElement>): Point => {
    const box = event.currentTarget.getBoundingClientRect()
    return { x: ((event.clientX - box.left) / box.width) * SIZE.width, y: ((event.clientY - box.top) / box.height) * SIZE.height }
  }
  const end = (): void => {
    const stroke = drawing.current
    drawing.current = undefined
    if (stroke !== undefined) change([...strokes, stroke])
  }
  return (
    <div className="pro-stack">
      <p className="field-hint">{t.drawHere}</p>
      <div role="img" aria-label={t.drawArea}>
        <canvas
          ref={canvas}
          className="sign-paper"
          width={SIZE.width}
          height={SIZE.height}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId)
            drawing.current = [at(event)]
            draw([...strokes, drawing.current])
          }}
          onPointerMove={(event) => {
            if (drawing.current === undefined) return
            drawing.current.push(at(event))
            draw([...strokes, drawing.current])
          }}
          onPointerUp={end}
          onPointerCancel={end}
        />
      </div>
      <div className="pro-row">
        <Button icon={<UndoIcon />} kind="quiet" className="button-small" disabled={strokes.length === 0} onClick={() => change(strokes.slice(0, -1))}>{t.drawUndo}</Button>
        <Button icon={<TrashIcon />} kind="quiet" className="button-small" disabled={strokes.length === 0} onClick={() => change([])}>{t.drawClear}</Button>
      </div>
    </div>
  )
}

function Typed({ onPicture }: WayProps) {
  const { t } = useWords()
  const { me } = useMe()
  const canvas = useRef<HTMLCanvasElement>(null)
  const [name, setName] = useState(`${me.title} ${me.first_name} ${me.exercise_name}`.trim())
  const told = useRef(onPicture)
  useEffect(() => {
    told.current = onPicture
  })
  useEffect(() => {
    const element = canvas.current
    const context = element?.getContext('2d')
    if (!element || !context) return
    void writeName(context, name.trim())
    told.current(name.trim() === '' ? undefined : () => pngOf(element))
  }, [name])
  return (
    <div className="pro-stack">
      <TextField label={t.typedName} maxLength={80} value={name} onChange={(event) => setName(event.target.value)} />
      <div role="img" aria-label={t.typedPreview}>
        <canvas ref={canvas} className="sign-paper" width={SIZE.width} height={SIZE.height} />
      </div>
    </div>
  )
}

function Uploaded({ onPicture }: WayProps) {
  const { t } = useWords()
  const picker = useRef<HTMLInputElement>(null)
  const [url, setUrl] = useState<string>()
  useEffect(() => () => {
    if (url !== undefined) URL.revokeObjectURL(url)
  }, [url])
  return (
    <div className="pro-stack">
      <p className="field-hint">{t.uploadHint}</p>
      <Button icon={<FileIcon />} kind="quiet" onClick={() => picker.current?.click()}>{t.uploadChoose}</Button>
      <input ref={picker} className="files-input" type="file" tabIndex={-1} aria-label={t.uploadChoose} accept="image/png,image/jpeg" onChange={(event) => {
        const file = event.target.files?.[0]
        event.target.value = ''
        if (file === undefined) return
        setUrl(URL.createObjectURL(file))
        onPicture(() => Promise.resolve(file))
      }} />
      {url !== undefined && <img className="sign-paper" src={url} alt={t.typedPreview} />}
    </div>
  )
}
