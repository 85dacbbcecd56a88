import { useCallback } from 'react'
import { useAnalytics } from '../api/queries'
import type { Durations as Answer } from '../api/types'
import { Chart, categoryAxis, legend } from '../charts/chart'
import type { Colors } from '../charts/colors'
import { axisTooltip } from '../charts/tooltip'
import { Card, PageHead } from '../parts/card'
import { Answered } from '../parts/states'
import { type Column, Table } from '../parts/table'
import { span, words } from '../view/format'
import { eventsOf, useView } from '../view/view'

const DRAWN_MAX = 15

type Row = Answer['rows'][number]

export default function Durations() {
  const [view] = useView()
  const query = useAnalytics<Answer>('durations', eventsOf(view))
  const empty = 'No event of this window has a duration.'
  return (
    <>
      <PageHead title="Durations">How long what was timed took.</PageHead>
      <Card
        title="Half of them, and nine in ten, took at most"
        hint="a step of the axis is ten times as long"
      >
        <Answered query={query} height={320} isEmpty={(data) => !data.rows.length} empty={empty}>
          {(data) => <Bars rows={data.rows.slice(0, DRAWN_MAX)} />}
        </Answered>
      </Card>
      <Card title="In numbers">
        <Answered query={query} isEmpty={(data) => !data.rows.length} empty={empty}>
          {(data) => (
            <Table
              caption="Durations by type"
              file="durations"
              rows={data.rows}
              keyOf={(row) => row.event_type}
              columns={[
                {
                  title: 'Type',
                  value: (row) => row.event_type,
                  show: (row) => words(row.event_type),
                },
                {
                  title: 'Events',
                  value: (row) => row.events,
                  isNumber: true,
                },
                time('Mean', 'mean_ms'),
                time('p50', 'p50_ms'),
                time('p90', 'p90_ms'),
                time('p99', 'p99_ms'),
              ]}
            />
          )}
        </Answered>
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
        name: name === 'p50_ms' ? 'p50' : 'p90',
        type: 'bar',
        barMaxWidth: 12,
        // A logarithm has no place for nothing.
        data: rows.map((row) => Math.max(1, row[name])),
      })),
    }),
    [rows],
  )
  const said = rows.map((row) => `${words(row.event_type)} ${span(row.p50_ms)}`).join(', ')
  return (
    <Chart
      label={`Median durations: ${said}`}
      option={option}
      height={Math.max(200, rows.length * 44 + 60)}
    />
  )
}
