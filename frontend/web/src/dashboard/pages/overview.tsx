import { useMemo } from 'react'
import { Link } from 'wouter'
import { useAnalytics } from '../api/queries'
import type { ActiveUsers, Heatmap, Sessions, Timeseries, Top } from '../api/types'
import { bucketLabel, type Line, LineChart } from '../charts/lines'
import { Week } from '../charts/week'
import { Card, PageHead } from '../parts/card'
import { Ranked } from '../parts/ranked'
import { Stat } from '../parts/stat'
import { Failure, QueryContent } from '../parts/states'
import { change, compact, day, moment, percent, span } from '../view/format'
import { bucketOf, eventsOf, previousOf, searchOf, usersOf, useView, type View } from '../view/view'

export function Overview() {
  const [view] = useView()
  const bucket = bucketOf(view)
  const series = useAnalytics<Timeseries>('timeseries', {
    ...eventsOf(view),
    bucket,
    compare: view.compare,
  })
  return (
    <>
      <PageHead title="Overview">{periodText(series.data, view)}</PageHead>
      <Numbers view={view} series={series.data} error={series.error} />
      <Card
        title={`Events by ${bucket}`}
        hint={view.compare ? 'Dashed: previous period' : undefined}
      >
        <QueryContent
          query={series}
          height={280}
          isEmpty={(data) => !data.total_events && !data.previous?.total_events}
        >
          {(data) => <EventsChart data={data} tz={view.tz} />}
        </QueryContent>
      </Card>
      <div className="halves">
        <TopEvents view={view} />
        <ActivityCards view={view} />
      </div>
    </>
  )
}

function periodText(data: Timeseries | undefined, view: View): string {
  if (!data) return '\u00a0'
  return `${moment(data.start, view.tz)} to ${moment(data.end, view.tz)}, ${view.tz}`
}

function Numbers({
  view,
  series,
  error,
}: {
  view: View
  series: Timeseries | undefined
  error: Error | null
}) {
  const before = { ...previousOf(view), user_email: view.userEmails }
  const users = useAnalytics<ActiveUsers>('active-users', usersOf(view))
  const usersBefore = useAnalytics<ActiveUsers>('active-users', view.compare ? before : null)
  const sessions = useAnalytics<Sessions>('sessions', usersOf(view))
  const sessionsBefore = useAnalytics<Sessions>('sessions', view.compare ? before : null)
  const failed = error ?? users.error ?? sessions.error
  if (failed && !users.data && !sessions.data) return <Failure error={failed} />
  const stickiness = meanStickiness(users.data)
  return (
    <div className="stats">
      <Stat
        title="Events"
        value={series ? compact(series.total_events) : '…'}
        change={
          series?.previous ? change(series.total_events, series.previous.total_events) : undefined
        }
        trend={series?.series[0]?.events}
      />
      <Stat
        title="Active users"
        value={users.data ? compact(users.data.active_users) : '…'}
        change={
          users.data && usersBefore.data
            ? change(users.data.active_users, usersBefore.data.active_users)
            : undefined
        }
        trend={users.data?.rows.map((row) => row.dau)}
      />
      <Stat
        title="Sessions"
        value={sessions.data ? compact(sessions.data.total.sessions) : '…'}
        change={
          sessions.data && sessionsBefore.data
            ? change(sessions.data.total.sessions, sessionsBefore.data.total.sessions)
            : undefined
        }
        trend={sessions.data?.rows.map((row) => row.stats.sessions)}
      />
      <Stat
        title="Stickiness"
        value={users.data ? percent(stickiness) : '…'}
        change={
          stickiness !== null && usersBefore.data
            ? change(stickiness, meanStickiness(usersBefore.data) ?? 0)
            : undefined
        }
        trend={users.data?.rows.map((row) => row.stickiness)}
      />
      <Stat
        title="Median session length"
        value={sessions.data ? span(sessions.data.total.median_length_ms) : '…'}
        change={
          sessions.data && sessionsBefore.data
            ? change(
                sessions.data.total.median_length_ms ?? 0,
                sessionsBefore.data.total.median_length_ms ?? 0,
              )
            : undefined
        }
        trend={sessions.data?.rows.map((row) => row.stats.median_length_ms ?? 0)}
      />
    </div>
  )
}

/** Mean DAU ÷ MAU of the days with at least one active user. */
function meanStickiness(data: ActiveUsers | undefined): number | null {
  const days = data?.rows.filter((row) => row.dau) ?? []
  return days.length ? days.reduce((sum, row) => sum + row.stickiness, 0) / days.length : null
}

function EventsChart({ data, tz }: { data: Timeseries; tz: string }) {
  const labels = useMemo(
    () => data.buckets.map((start) => bucketLabel(start, data.bucket, tz)),
    [data, tz],
  )
  const lines = useMemo(() => {
    const series: Line[] = [{ name: 'Current period', values: data.series[0]?.events ?? [] }]
    const earlier = data.previous?.series[0]?.events
    // The two windows may differ by one bucket if they start within a bucket.
    if (earlier)
      series.push({
        name: 'Previous period',
        values: earlier.slice(0, labels.length),
        isDashed: true,
      })
    return series
  }, [data, labels])
  return (
    <LineChart
      label={`Events by ${data.bucket}: ${compact(data.total_events)} total`}
      labels={labels}
      lines={lines}
    />
  )
}

function TopEvents({ view }: { view: View }) {
  const top = useAnalytics<Top>('top', { ...eventsOf(view), by: 'event_type', limit: 8 })
  return (
    <Card
      title="Top events"
      actions={
        <Link className="button small" href={`/top${searchOf(view)}`}>
          View all
        </Link>
      }
    >
      <QueryContent query={top} height={300} isEmpty={(data) => !data.rows.length}>
        {(data) => <Ranked caption="Top events" title="Event" data={data} file="top-types" />}
      </QueryContent>
    </Card>
  )
}

function ActivityCards({ view }: { view: View }) {
  const heatmap = useAnalytics<Heatmap>('heatmap', eventsOf(view))
  const users = useAnalytics<ActiveUsers>('active-users', usersOf(view))
  return (
    <div className="stack">
      <Card title="Activity by day and hour" hint={view.tz}>
        <QueryContent query={heatmap} height={250} isEmpty={(data) => !data.total_events}>
          {(data) => <Week data={data} />}
        </QueryContent>
      </Card>
      <Card title="Daily active users" hint="New and returning users">
        <QueryContent query={users} height={180} isEmpty={(data) => !data.active_users}>
          {(data) => <NewAndReturning data={data} />}
        </QueryContent>
      </Card>
    </div>
  )
}

function NewAndReturning({ data }: { data: ActiveUsers }) {
  const labels = useMemo(() => data.rows.map((row) => day(row.day)), [data])
  const lines = useMemo(
    () => [
      { name: 'Returning', values: data.rows.map((row) => row.returning) },
      { name: 'New', values: data.rows.map((row) => row.new) },
    ],
    [data],
  )
  return (
    <LineChart
      label={`Daily active users, new and returning: ${data.active_users} users total`}
      labels={labels}
      lines={lines}
      isStacked
      height={180}
    />
  )
}
