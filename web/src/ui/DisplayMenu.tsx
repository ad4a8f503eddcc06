import { useCommon } from '../i18n/common'
import { SIZES, setDisplay, themes, type Theme } from './display'
import { useDisplay } from './useDisplay'

/** A− and A+, at hand on every page. */
export function TextSize() {
  const { t } = useCommon()
  const { size } = useDisplay()
  return (
    <div className="text-size" role="group" aria-label={t.textSize}>
      <button
        type="button"
        className="language"
        aria-label={`A− ${t.smaller}`}
        disabled={size <= SIZES.least}
        onClick={() => setDisplay({ size: size - 1 })}
      >
        A−
      </button>
      <button
        type="button"
        className="language language-large"
        aria-label={`A+ ${t.larger}`}
        disabled={size >= SIZES.most}
        onClick={() => setDisplay({ size: size + 1 })}
      >
        A+
      </button>
    </div>
  )
}

export function ThemeChoice() {
  const { t } = useCommon()
  const { theme } = useDisplay()
  const names: Record<Theme, string> = {
    auto: t.themeAuto,
    light: t.themeLight,
    dark: t.themeDark,
    contrast: t.themeContrast,
  }
  return (
    <label className="theme">
      <span>{t.theme}</span>
      <select value={theme} onChange={(event) => setDisplay({ theme: event.target.value as Theme })}>
        {themes.map((each) => (
          <option key={each} value={each}>
            {names[each]}
          </option>
        ))}
      </select>
    </label>
  )
}
