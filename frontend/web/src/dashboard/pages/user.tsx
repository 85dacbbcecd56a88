import { useMemo } from 'react'
import { useParams } from 'wouter'
import { useAnalytics } from '../api/queries'
import type { ActivityEvent, EventPage, Heatmap, Summary, Timeseries } from '../api/types'
import { bucketLabel, LineChart, linesOf } from '../charts/lines'
import { Week } from '../charts/week'
import { Card, PageHead } from '../parts/card'
import { EventList } from '../parts/event-list'
import { AiContext, PredictedActions, WorkPatterns } from '../parts/insights'
import { Pages } from '../parts/pages'
import { Privacy } from '../parts/privacy'
import { SessionList } from '../parts/session-list'
import { Stat } from '../parts/stat'
import { QueryContent, StatsLoading } from '../parts/states'
import { compact, count, day, span } from '../view/format'
import { bucketOf, eventsOf, userOf, useView, windowOf } from '../view/view'

/** The page of one user; it ignores the user filter. */
export default function User() {
  useParams() // renders again for another user
  const user = userOf(location.pathname)
  const [view] = useView()
  const params = { ...eventsOf(view), user_email: [user] }
  const summary = useAnalytics<Summary>('', params)
  const heatmap = useAnalytics<Heatmap>('heatmap', params)
  const series = useAnalytics<Timeseries>('timeseries', {
    ...params,
    bucket: bucketOf(view),
    split_by: 'event_category',
    limit: 6,
  })
  return (
    <>
      <PageHead title={user}>Activity and privacy settings</PageHead>
      <QueryContent query={summary} loading={<StatsLoading />}>
        {(data) => <Numbers data={data} />}
      </QueryContent>
      <div className="halves">
        <Card title="Activity" hint="By category">
          <QueryContent query={series} height={240} isEmpty={(data) => !data.total_events}>
            {(data) => <ActivityChart data={data} tz={view.tz} />}
          </QueryContent>
        </Card>
        <Card title="Activity by day and hour" hint={view.tz}>
          <QueryContent query={heatmap} height={240} isEmpty={(data) => !data.total_events}>
            {(data) => <Week data={data} height={240} />}
          </QueryContent>
        </Card>
      </div>
      <div className="halves">
        <AiContext params={{ ...windowOf(view), user_email: user }} />
        <div className="stack">
          <PredictedActions user={user} tz={view.tz} />
          <WorkPatterns params={{ ...windowOf(view), user_email: user }} />
        </div>
      </div>
      <div className="halves">
        <Card title="Timeline" hint="Newest first">
          <Pages<EventPage, ActivityEvent>
            path="/api/events/"
            params={{ ...params, limit: 30 }}
            rowsOf={(page) => page.events}
          >
            {(events) => <EventList events={events} tz={view.tz} />}
          </Pages>
        </Card>
        <div className="stack">
          <Privacy user={user} />
          <Card title="Sessions">
            <SessionList params={{ ...windowOf(view), user_email: [user] }} tz={view.tz} />
          </Card>
        </div>
      </div>
    </>
  )
}

function Numbers({ data }: { data: Summary }) {
  const [type] = Object.entries(data.events_by_type)
  const durations = Object.entries(data.avg_duration_ms_by_type)
  return (
    <div className="stats">
      <Stat
        title="Events"
        value={compact(data.total_events)}
        note={type ? `Top event: ${type[0]} (${count(type[1])})` : ''}
        trend={Object.values(data.events_by_day)}
      />
      <Stat title="Sessions" value={compact(data.unique_sessions)} />
      <Stat
        title="Most active day"
        value={data.most_active_day ? day(data.most_active_day) : '–'}
        note={
          data.most_active_day
            ? `${count(data.events_by_day[data.most_active_day] ?? 0)} events`
            : ''
        }
      />
      <Stat
        title="Average duration"
        value={durations[0] ? span(durations[0][1]) : '–'}
        note={durations[0] ? durations[0][0] : 'No durations recorded'}
      />
    </div>
  )
}

function ActivityChart({ data, tz }: { data: Timeseries; tz: string }) {
  const labels = useMemo(
    () => data.buckets.map((start) => bucketLabel(start, data.bucket, tz)),
    [data, tz],
  )
  const lines = useMemo(() => linesOf(data), [data])
  return (
    <LineChart
      label={`Events by ${data.bucket} and category: ${count(data.total_events)} total`}
      labels={labels}
      lines={lines}
      isStacked
      height={240}
    />
  )
}
