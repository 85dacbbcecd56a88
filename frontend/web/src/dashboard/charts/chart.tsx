// One ECharts chart; the library is loaded with the first chart.
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
  /** Accessible description; a table nearby has the same numbers. */
  label: string
  option: (colors: Colors) => EChartsCoreOption
  kind?: ChartKind
  height?: number
}

export function Chart({ label, option, kind = 'basic', height = 280 }: ChartProps) {
  const container = useRef<HTMLDivElement>(null)
  const [chart, setChart] = useState<ECharts | null>(null)
  const colors = useColors()

  useEffect(() => {
    let instance: ECharts | null = null
    let isDisposed = false
    let observer: ResizeObserver | null = null
    load(kind).then((echarts) => {
      const element = container.current
      if (isDisposed || element === null) return
      instance = echarts.init(element, null, { renderer: 'svg' })
      observer = new ResizeObserver(() => instance?.resize())
      observer.observe(element)
      setChart(instance)
    })
    return () => {
      isDisposed = true
      observer?.disconnect()
      instance?.dispose()
      setChart(null)
    }
  }, [kind])

  useEffect(() => {
    chart?.setOption({ ...base(colors), ...option(colors) }, { notMerge: true })
  }, [chart, colors, option])

  return <div ref={container} role="img" aria-label={label} className="chart" style={{ height }} />
}

/** Common options of all charts. */
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
