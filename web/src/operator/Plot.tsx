import { useId } from 'react'
import { useOperatorWords } from '../i18n/operator'
import { axisEnd } from './metrics'

export interface Series {
  name: string
  /** One for each point in time; a gap where there is none. */
  values: readonly (number | undefined)[]
}

interface PlotProps {
  title: string
  series: readonly Series[]
  /** Seconds between the first and the last point. */
  span: number
  text: (value: number) => string
  /** The axis goes at least this far. */
  least: number
  hint?: string
}

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [320, 120, 4, 18]

/** The line through the values that are there; a new beginning after each gap. */
export function lineOf(values: readonly (number | undefined)[], top: number, width: number, height: number): string {
  const step = values.length > 1 ? width / (values.length - 1) : 0
  let drawing = false
  const parts: string[] = []
  values.forEach((value, at) => {
    if (value === undefined) {
      drawing = false
      return
    }
    const [x, y] = [at * step, height - (Math.min(value, top) / top) * height]
    parts.push(`${drawing ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`)
    drawing = true
  })
  return parts.join('')
}

/** One number over time. The words beside it say what the line says, so nothing depends on seeing it. */
export function Plot({ title, series, span, text, least, hint }: PlotProps) {
  const { t } = useOperatorWords()
  const id = useId()
  const present = series.flatMap((each) => each.values.filter((value) => value !== undefined))
  const top = axisEnd(Math.max(0, ...present), least)
  const nows = series.map((each) => ({ name: each.name, value: each.values.at(-1) }))
  const said = (value: number | undefined): string => (value === undefined ? t.noValue : text(value))
  const summary = present.length === 0 ? t.noValue : t.plotSummary(text(Math.min(...present)), text(Math.max(...present)))
  return (
    <figure className="plot" aria-labelledby={id}>
      <figcaption id={id}>
        <span>{title}</span>
        {nows.map(({ name, value }, at) => (
          <span key={name} className="plot-now">
            {series.length > 1 && <span className={`plot-key plot-key-${at % 4}`} aria-hidden="true" />}
            {series.length > 1 && `${name} `}
            <strong>{said(value)}</strong>
          </span>
        ))}
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${title}. ${summary}`} preserveAspectRatio="none">
        {[0, 0.5, 1].map((share) => (
          <line key={share} className="plot-rule" x1={LEFT} x2={WIDTH} y1={1 + share * (HEIGHT - BOTTOM)} y2={1 + share * (HEIGHT - BOTTOM)} />
        ))}
        <g transform={`translate(${LEFT} 1)`}>
          {series.map((each, at) => (
            <path key={each.name} className={`plot-line plot-line-${at % 4}`} d={lineOf(each.values, top, WIDTH - LEFT, HEIGHT - BOTTOM)} />
          ))}
        </g>
      </svg>
      <p className="plot-foot">
        <span>{t.axis(text(top))}</span>
        <span>{t.span(span)}</span>
      </p>
      {hint !== undefined && <p className="field-hint">{hint}</p>}
    </figure>
  )
}
