// One chart: drawn by ECharts, which is loaded with the first of them.
import type { ECharts, EChartsCoreOption } from 'echarts/core'
import { useEffect, useRef, useState } from 'react'
import { type Colors, useColors } from './colors'

type ChartKind = 'basic' | 'heatmap' | 'funnel' | 'sankey'

async function load(kind: ChartKind) {
  const [echarts] = await Promise.all([
    import('./echarts'),
    kind === 'heatmap' ? import('./heatmap') : null,
    kind === 'funnel' ? import('./funnel') : null,
    kind === 'sankey' ? import('./sankey') : null,
  ])
  return echarts
}

interface ChartProps {
  /** What it shows, for those who can't see it; the same numbers stand in a table nearby. */
  label: string
  option: (colors: Colors) => EChartsCoreOption
  kind?: ChartKind
  height?: number
}

export function Chart({ label, option, kind = 'basic', height = 280 }: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const [chart, setChart] = useState<ECharts | null>(null)
  const colors = useColors()

  useEffect(() => {
    let made: ECharts | null = null
    let gone = false
    let watch: ResizeObserver | null = null
    load(kind).then((echarts) => {
      const element = place.current
      if (gone || element === null) return
      made = echarts.init(element, null, { renderer: 'svg' })
      watch = new ResizeObserver(() => made?.resize())
      watch.observe(element)
      setChart(made)
    })
    return () => {
      gone = true
      watch?.disconnect()
      made?.dispose()
      setChart(null)
    }
  }, [kind])

  useEffect(() => {
    chart?.setOption({ ...base(colors), ...option(colors) }, { notMerge: true })
  }, [chart, colors, option])

  return <div ref={place} role="img" aria-label={label} className="chart" style={{ height }} />
}

/** What all charts have in common. */
function base(colors: Colors): EChartsCoreOption {
  return {
    color: colors.series,
    animationDuration: 200,
    textStyle: { fontFamily: colors.font, color: colors.text },
    grid: { left: 8, right: 12, top: 16, bottom: 4, containLabel: true },
  }
}

export function categoryAxis(colors: Colors, data: readonly string[], more: object = {}) {
  return {
    type: 'category',
    data,
    axisLine: { lineStyle: { color: colors.line } },
    axisTick: { show: false },
    axisLabel: { color: colors.quiet, hideOverlap: true },
    ...more,
  }
}

export function valueAxis(colors: Colors, more: object = {}) {
  return {
    type: 'value',
    minInterval: 1,
    splitLine: { lineStyle: { color: colors.line } },
    axisLabel: { color: colors.quiet },
    ...more,
  }
}

export function legend(colors: Colors, more: object = {}) {
  return {
    type: 'scroll',
    top: 0,
    left: 0,
    icon: 'roundRect',
    itemWidth: 10,
    itemHeight: 10,
    textStyle: { color: colors.text },
    pageIconColor: colors.accent,
    pageTextStyle: { color: colors.quiet },
    ...more,
  }
}
