import { useMemo } from 'react'
import { useAnalytics } from '../api/queries'
import type { Timeseries } from '../api/types'
import { bucketLabel, LineChart, linesOf, seriesName } from '../charts/lines'
import { Card, PageHead } from '../parts/card'
import { Choice, Select } from '../parts/choice'
import { Answered } from '../parts/states'
import { Table } from '../parts/table'
import { change, count, percent } from '../view/format'
import { bucketOf, eventsOf, lengthOf, useParam, useView } from '../view/view'

const SPLITS = [
  ['', 'Nothing'],
  ['event_category', 'Category'],
  ['event_type', 'Type'],
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
// More points than that, and nobody sees anything.
const MINUTES_DAYS_MAX = 1
const HOURS_DAYS_MAX = 31

export default function Trends() {
  const [view] = useView()
  const [wanted, setBucket] = useParam('bucket', bucketOf(view))
  const [split, setSplit] = useParam('split_by', '')
  const [shape, setShape] = useParam('shape', 'lines')
  const days = lengthOf(view)
  const units = BUCKETS.filter(
    ([unit]) =>
      (unit !== 'minute' || days <= MINUTES_DAYS_MAX) &&
      (unit !== 'hour' || days <= HOURS_DAYS_MAX),
  )
  const bucket = units.some(([unit]) => unit === wanted) ? wanted : bucketOf(view)
  const query = useAnalytics<Timeseries>('timeseries', {
    ...eventsOf(view),
    bucket,
    split_by: split,
    compare: view.compare,
  })
  return (
    <>
      <PageHead title="Trends">How much happens, and of what.</PageHead>
      <Card
        title={`Events by ${bucket}`}
        hint={split ? 'the most frequent values, and all others' : undefined}
        actions={
          <>
            <Select label="Bucket" value={bucket} options={units} onChange={setBucket} />
            <Select label="Split by" value={split} options={SPLITS} onChange={setSplit} />
            <Choice
              label="Shape"
              value={shape}
              options={[
                ['lines', 'Lines'],
                ['bars', 'Stacked'],
              ]}
              onChange={setShape}
            />
          </>
        }
      >
        <Answered query={query} height={360} isEmpty={(data) => !data.total_events}>
          {(data) => <Lines data={data} tz={view.tz} isStacked={shape === 'bars'} />}
        </Answered>
      </Card>
      <Card title="In numbers">
        <Answered query={query} isEmpty={(data) => !data.total_events}>
          {(data) => <Totals data={data} />}
        </Answered>
      </Card>
      <Card title="Every bucket">
        <Answered query={query} isEmpty={(data) => !data.total_events}>
          {(data) => <BucketTable data={data} tz={view.tz} />}
        </Answered>
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
    const found = linesOf(data)
    const earlier = data.previous?.series[0]
    if (earlier && !data.split_by && !isStacked)
      found.push({
        name: 'the window before',
        values: earlier.events.slice(0, data.buckets.length),
        isDashed: true,
      })
    return found
  }, [data, isStacked])
  return (
    <LineChart
      label={`Events by ${data.bucket}: ${count(data.total_events)} in all`}
      labels={labels}
      lines={lines}
      isStacked={isStacked}
      height={360}
    />
  )
}

function Totals({ data }: { data: Timeseries }) {
  const before = new Map(data.previous?.series.map((each) => [each.value, each.total]))
  const isCompared = data.previous !== null
  return (
    <Table
      caption="Events in the window, and in the one before"
      file="trends"
      rows={data.series}
      keyOf={(row) => `${row.is_other} ${row.value}`}
      columns={[
        { title: data.split_by ? 'Value' : 'All', value: (row) => seriesName(row, 'events') },
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
          title: 'Before',
          // Of what isn't among the most frequent ones of the window before, nothing is known.
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
          title: 'From',
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
