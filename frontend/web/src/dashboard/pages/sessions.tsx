import { useMemo } from 'react'
import { useAnalytics } from '../api/queries'
import type { Sessions as Data } from '../api/types'
import { LineChart } from '../charts/lines'
import { Card, PageHead } from '../parts/card'
import { SessionList } from '../parts/session-list'
import { Stat } from '../parts/stat'
import { CardsLoading, QueryContent, StatsLoading } from '../parts/states'
import { compact, day, decimal, percent, span } from '../view/format'
import { usersOf, useView } from '../view/view'

// The height of a card with a chart.
const CHART_CARD = 288

export default function Sessions() {
  const [view] = useView()
  const query = useAnalytics<Data>('sessions', usersOf(view))
  return (
    <>
      <PageHead title="Sessions">
        Events grouped by session ID, or by 30 minutes of inactivity.
      </PageHead>
      <QueryContent
        query={query}
        loading={
          <div className="stack">
            <StatsLoading />
            <div className="halves">
              <CardsLoading heights={[CHART_CARD, CHART_CARD]} />
            </div>
          </div>
        }
        isEmpty={(data) => !data.total.sessions}
      >
        {(data) => <Numbers data={data} />}
      </QueryContent>
      {query.data?.total.sessions !== 0 && (
        <Card title="Latest sessions" hint="With a session ID, newest first">
          <SessionList params={usersOf(view)} tz={view.tz} showUser />
        </Card>
      )}
    </>
  )
}

function Numbers({ data }: { data: Data }) {
  const labels = useMemo(() => data.rows.map((row) => day(row.day)), [data])
  const sessions = useMemo(
    () => [{ name: 'Sessions', values: data.rows.map((row) => row.stats.sessions) }],
    [data],
  )
  const lengths = useMemo(
    () => [
      { name: 'Median', values: data.rows.map((row) => row.stats.median_length_ms) },
      { name: 'p90', values: data.rows.map((row) => row.stats.p90_length_ms) },
    ],
    [data],
  )
  return (
    <div className="stack">
      <div className="stats">
        <Stat
          title="Sessions"
          value={compact(data.total.sessions)}
          note={data.made_by_time ? `${compact(data.made_by_time)} inferred from inactivity` : ''}
        />
        <Stat
          title="Median length"
          value={span(data.total.median_length_ms)}
          note={`p90 ${span(data.total.p90_length_ms)}`}
        />
        <Stat title="Events per session" value={decimal(data.total.events_per_session)} />
        <Stat
          title="Bounce rate"
          value={percent(data.total.bounce_rate)}
          note="Sessions with a single event"
        />
      </div>
      <div className="halves">
        <Card title="Sessions by day">
          <LineChart label="Sessions by day" labels={labels} lines={sessions} height={220} />
        </Card>
        <Card title="Session length by day">
          <LineChart
            label="Median and 90th percentile of session length by day"
            labels={labels}
            lines={lengths}
            format={span}
            height={220}
          />
        </Card>
      </div>
    </div>
  )
}
