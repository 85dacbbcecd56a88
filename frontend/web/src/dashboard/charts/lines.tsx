// Series over time, as lines, areas or stacked bars.
import { useCallback } from 'react'
import type { Buckets, BucketUnit } from '../api/types'
import { count, moment } from '../view/format'
import { Chart, categoryAxis, legend, valueAxis } from './chart'
import type { Colors } from './colors'
import { axisTooltip } from './tooltip'

export interface Line {
  name: string
  values: readonly (number | null)[]
  isDashed?: boolean
}

export function bucketLabel(iso: string, unit: BucketUnit, tz: string): string {
  return moment(iso, tz, unit === 'minute' || unit === 'hour' ? 'minute' : 'day')
}

export function seriesName(series: { value: string | null; is_other: boolean }, whole: string) {
  if (series.is_other) return 'Other'
  return series.value ?? whole
}

export function linesOf(data: Buckets, whole = 'Events'): Line[] {
  return data.series.map((series) => ({
    name: seriesName(series, whole),
    values: series.events,
  }))
}

export function LineChart({
  label,
  labels,
  lines,
  isStacked = false,
  height = 280,
  format = count,
}: {
  label: string
  labels: readonly string[]
  lines: readonly Line[]
  isStacked?: boolean
  height?: number
  format?: (value: number) => string
}) {
  const option = useCallback(
    (colors: Colors) => ({
      tooltip: axisTooltip(colors, (value) => (typeof value === 'number' ? format(value) : '–')),
      ...(lines.length > 1 ? { legend: legend(colors) } : {}),
      grid: { left: 8, right: 16, top: lines.length > 1 ? 34 : 14, bottom: 4, containLabel: true },
      xAxis: categoryAxis(colors, labels, { boundaryGap: isStacked }),
      yAxis: valueAxis(colors, {
        minInterval: format === count ? 1 : 0,
        axisLabel: { color: colors.quiet, formatter: format },
      }),
      series: lines.map((line) => ({
        name: line.name,
        type: isStacked ? 'bar' : 'line',
        data: line.values,
        symbol: 'circle',
        symbolSize: 5,
        showSymbol: line.values.length < 2,
        barMaxWidth: 34,
        ...(isStacked ? { stack: 'all' } : {}),
        lineStyle: { width: 2, type: line.isDashed ? 'dashed' : 'solid' },
        ...(lines.length === 1 ? { areaStyle: { opacity: 0.12 } } : {}),
        emphasis: { focus: 'series' },
      })),
    }),
    [lines, labels, isStacked, format],
  )
  return <Chart label={label} option={option} height={height} />
}
