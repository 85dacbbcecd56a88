// The theme colours for charts.
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
  /** Resolved font family; ECharts does not support `inherit`. */
  font: string
}

export function useColors(): Colors {
  const theme = useTheme()
  // biome-ignore lint/correctness/useExhaustiveDependencies: the variables change with the theme
  return useMemo(() => {
    const style = getComputedStyle(document.documentElement)
    const variable = (name: string) => style.getPropertyValue(`--${name}`).trim()
    return {
      text: variable('text'),
      quiet: variable('text-quiet'),
      line: variable('line'),
      surface: variable('surface-raised'),
      accent: variable('accent'),
      series: [1, 2, 3, 4, 5, 6, 7, 8].map((n) => variable(`series-${n}`)),
      font: getComputedStyle(document.body).fontFamily,
      heat: [0, 1, 2, 3, 4].map((n) => variable(`heat-${n}`)),
    }
  }, [theme])
}
