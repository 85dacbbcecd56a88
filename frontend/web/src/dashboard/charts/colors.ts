// The colours of the theme, for charts.
import { useMemo } from 'react'
import { useTheme } from '../../theme'

export interface Colors {
  text: string
  quiet: string
  line: string
  surface: string
  accent: string
  series: string[]
  heat: string[]
  /** As it is measured by ECharts, which knows no `inherit`. */
  font: string
}

export function useColors(): Colors {
  const theme = useTheme()
  // biome-ignore lint/correctness/useExhaustiveDependencies: the variables change with the theme
  return useMemo(() => {
    const style = getComputedStyle(document.documentElement)
    const of = (name: string) => style.getPropertyValue(`--${name}`).trim()
    return {
      text: of('text'),
      quiet: of('text-quiet'),
      line: of('line'),
      surface: of('surface-raised'),
      accent: of('accent'),
      series: [1, 2, 3, 4, 5, 6, 7, 8].map((n) => of(`series-${n}`)),
      font: getComputedStyle(document.body).fontFamily,
      heat: [0, 1, 2, 3, 4].map((n) => of(`heat-${n}`)),
    }
  }, [theme])
}
