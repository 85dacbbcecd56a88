import { useCallback } from 'react'
import { useAnalytics } from '../api/queries'
import type { Durations as Data } from '../api/types'
import { Chart, categoryAxis, legend } from '../charts/chart'
import type { Colors } from '../charts/colors'
import { axisTooltip } from '../charts/tooltip'
import { Card, PageHead } from '../parts/card'
import { QueryContent } from '../parts/states'
import { type Column, Table } from '../parts/table'
import { span, words } from '../view/format'
import { eventsOf, useView } from '../view/view'

const BARS_MAX = 15

type Row = Data['rows'][number]

export default function Durations() {
  const [view] = useView()
  const query = useAnalytics<Data>('durations', eventsOf(view))
  const empty = 'No events with a duration in this period.'
  return (
    <>
      <PageHead title="Event durations">How long timed events take.</PageHead>
      <Card title="Median and 90th percentile" hint="Logarithmic scale">
        <QueryContent
          query={query}
          height={320}
          isEmpty={(data) => !data.rows.length}
          empty={empty}
        >
          {(data) => <Bars rows={data.rows.slice(0, BARS_MAX)} />}
        </QueryContent>
      </Card>
      <Card title="Durations by event">
        <QueryContent query={query} isEmpty={(data) => !data.rows.length} empty={empty}>
          {(data) => (
            <Table
              caption="Durations by event"
              file="durations"
              rows={data.rows}
              keyOf={(row) => row.event_type}
              columns={[
                {
                  title: 'Event',
                  value: (row) => row.event_type,
                  show: (row) => words(row.event_type),
                },
                {
                  title: 'Count',
                  value: (row) => row.events,
                  isNumber: true,
                },
                time('Mean', 'mean_ms'),
                time('Median', 'p50_ms'),
                time('p90', 'p90_ms'),
                time('p99', 'p99_ms'),
              ]}
            />
          )}
        </QueryContent>
      </Card>
    </>
  )
}

function time(title: string, name: 'mean_ms' | 'p50_ms' | 'p90_ms' | 'p99_ms'): Column<Row> {
  return { title, value: (row) => row[name], show: (row) => span(row[name]), isNumber: true }
}

function Bars({ rows }: { rows: readonly Row[] }) {
  const option = useCallback(
    (colors: Colors) => ({
      legend: legend(colors),
      tooltip: axisTooltip(colors, (value) => span(Number(value))),
      grid: { left: 8, right: 24, top: 32, bottom: 4, containLabel: true },
      xAxis: {
        type: 'log',
        axisLabel: { color: colors.quiet, formatter: span, hideOverlap: true },
        splitLine: { lineStyle: { color: colors.line } },
      },
      yAxis: categoryAxis(
        colors,
        rows.map((row) => words(row.event_type)),
        {
          inverse: true,
          axisLabel: { color: colors.text, width: 150, overflow: 'truncate' },
        },
      ),
      series: (['p50_ms', 'p90_ms'] as const).map((name) => ({
        name: name === 'p50_ms' ? 'Median' : 'p90',
        type: 'bar',
        barMaxWidth: 12,
        // A logarithmic axis has no zero.
        data: rows.map((row) => Math.max(1, row[name])),
      })),
    }),
    [rows],
  )
  const description = rows.map((row) => `${words(row.event_type)} ${span(row.p50_ms)}`).join(', ')
  return (
    <Chart
      label={`Median durations: ${description}`}
      option={option}
      height={Math.max(200, rows.length * 44 + 60)}
    />
  )
}
