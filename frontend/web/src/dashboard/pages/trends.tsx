import { useMemo } from 'react'
import { useAnalytics } from '../api/queries'
import type { Timeseries } from '../api/types'
import { bucketLabel, LineChart, linesOf, seriesName } from '../charts/lines'
import { Card, PageHead } from '../parts/card'
import { Choice, Select } from '../parts/choice'
import { QueryContent } from '../parts/states'
import { Table } from '../parts/table'
import { change, count, percent } from '../view/format'
import { bucketOf, eventsOf, lengthOf, useParam, useView } from '../view/view'

const SPLITS = [
  ['', 'None'],
  ['event_category', 'Category'],
  ['event_type', 'Event'],
  ['event_action', 'Action'],
  ['device_type', 'Device'],
] as const
const BUCKETS = [
  ['minute', 'Minute'],
  ['hour', 'Hour'],
  ['day', 'Day'],
  ['week', 'Week'],
  ['month', 'Month'],
] as const
// The longest windows for which minutes and hours are readable.
const MINUTES_DAYS_MAX = 1
const HOURS_DAYS_MAX = 31

export default function Trends() {
  const [view] = useView()
  const [chosenBucket, setBucket] = useParam('bucket', bucketOf(view))
  const [split, setSplit] = useParam('split_by', '')
  const [shape, setShape] = useParam('shape', 'lines')
  const days = lengthOf(view)
  const units = BUCKETS.filter(
    ([unit]) =>
      (unit !== 'minute' || days <= MINUTES_DAYS_MAX) &&
      (unit !== 'hour' || days <= HOURS_DAYS_MAX),
  )
  const bucket = units.some(([unit]) => unit === chosenBucket) ? chosenBucket : bucketOf(view)
  const query = useAnalytics<Timeseries>('timeseries', {
    ...eventsOf(view),
    bucket,
    split_by: split,
    compare: view.compare,
  })
  return (
    <>
      <PageHead title="Trends">Event volume over time.</PageHead>
      <Card
        title={`Events by ${bucket}`}
        hint={split ? 'Top values, the rest as Other' : undefined}
        actions={
          <>
            <Select label="Interval" value={bucket} options={units} onChange={setBucket} />
            <Select label="Break down by" value={split} options={SPLITS} onChange={setSplit} />
            <Choice
              label="Chart type"
              value={shape}
              options={[
                ['lines', 'Lines'],
                ['bars', 'Stacked bars'],
              ]}
              onChange={setShape}
            />
          </>
        }
      >
        <QueryContent query={query} height={360} isEmpty={(data) => !data.total_events}>
          {(data) => <Lines data={data} tz={view.tz} isStacked={shape === 'bars'} />}
        </QueryContent>
      </Card>
      <Card title="Summary">
        <QueryContent query={query} isEmpty={(data) => !data.total_events}>
          {(data) => <Totals data={data} />}
        </QueryContent>
      </Card>
      <Card title="Data table">
        <QueryContent query={query} isEmpty={(data) => !data.total_events}>
          {(data) => <BucketTable data={data} tz={view.tz} />}
        </QueryContent>
      </Card>
    </>
  )
}

function Lines({ data, tz, isStacked }: { data: Timeseries; tz: string; isStacked: boolean }) {
  const labels = useMemo(
    () => data.buckets.map((start) => bucketLabel(start, data.bucket, tz)),
    [data, tz],
  )
  const lines = useMemo(() => {
    const series = linesOf(data)
    const earlier = data.previous?.series[0]
    if (earlier && !data.split_by && !isStacked)
      series.push({
        name: 'Previous period',
        values: earlier.events.slice(0, data.buckets.length),
        isDashed: true,
      })
    return series
  }, [data, isStacked])
  return (
    <LineChart
      label={`Events by ${data.bucket}: ${count(data.total_events)} total`}
      labels={labels}
      lines={lines}
      isStacked={isStacked}
      height={360}
    />
  )
}

function Totals({ data }: { data: Timeseries }) {
  const before = new Map(data.previous?.series.map((series) => [series.value, series.total]))
  const isCompared = data.previous !== null
  return (
    <Table
      caption="Events in this period and the previous one"
      file="trends"
      rows={data.series}
      keyOf={(row) => `${row.is_other} ${row.value}`}
      columns={[
        { title: data.split_by ? 'Value' : 'Series', value: (row) => seriesName(row, 'Events') },
        {
          title: 'Events',
          value: (row) => row.total,
          isNumber: true,
        },
        {
          title: 'Share',
          value: (row) => row.total / data.total_events,
          show: (row) => percent(row.total / data.total_events),
          isNumber: true,
        },
        {
          title: 'Previous period',
          // Unknown for values outside the top values of the previous period.
          value: (row) => (isCompared && !row.is_other ? (before.get(row.value) ?? null) : null),
          isNumber: true,
        },
        {
          title: 'Change',
          value: (row) => (row.is_other ? null : change(row.total, before.get(row.value) ?? 0)),
          show: (row) =>
            percent(row.is_other ? null : change(row.total, before.get(row.value) ?? 0)),
          isNumber: true,
        },
      ]}
    />
  )
}

function BucketTable({ data, tz }: { data: Timeseries; tz: string }) {
  const rows = data.buckets.map((start, index) => ({ start, index })).reverse()
  return (
    <Table
      caption={`Events by ${data.bucket}, latest first`}
      file="trends-by-bucket"
      rows={rows}
      keyOf={(row) => row.start}
      columns={[
        {
          title: 'Start',
          value: (row) => row.start,
          show: (row) => bucketLabel(row.start, data.bucket, tz),
        },
        ...data.series.map((series) => ({
          title: seriesName(series, 'Events'),
          value: (row: { index: number }) => series.events[row.index] ?? 0,
          show: (row: { index: number }) => count(series.events[row.index] ?? 0),
          isNumber: true,
        })),
      ]}
    />
  )
}
