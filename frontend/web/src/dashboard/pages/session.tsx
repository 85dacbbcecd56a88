import { useApi } from '../api/queries'
import type { ActivityEvent, SessionResponse } from '../api/types'
import { Card, PageHead } from '../parts/card'
import { EventList } from '../parts/event-list'
import { Pages } from '../parts/pages'
import { Stat } from '../parts/stat'
import { QueryContent, StatsLoading } from '../parts/states'
import { UserLink } from '../parts/user-link'
import { count, moment, span, words } from '../view/format'
import { useParam, useView } from '../view/view'

// A query parameter, as the id `..` in a path would resolve to another path.
const PATH = '/api/events/session'

export default function Session() {
  const [view] = useView()
  const [user] = useParam('of', '')
  const [session] = useParam('id', '')
  const params = { session_id: session, user_email: user }
  const query = useApi<SessionResponse>(PATH, { ...params, limit: 1 })
  return (
    <>
      <PageHead title={`Session ${session}`}>
        User: <UserLink email={user} />
      </PageHead>
      <QueryContent query={query} loading={<StatsLoading />}>
        {({ summary }) => (
          <div className="stats">
            <Stat title="Started" value={moment(summary.started_at, view.tz)} note={view.tz} />
            <Stat title="Length" value={span(summary.duration_ms)} />
            <Stat
              title="Events"
              value={count(summary.total_events)}
              note={Object.entries(summary.events_by_type)
                .slice(0, 3)
                .map(([type, events]) => `${words(type)} ${events}`)
                .join(', ')}
            />
            <Stat
              title="Entry and exit page"
              value={summary.first_page ?? '–'}
              note={summary.last_page ? `to ${summary.last_page}` : ''}
            />
          </div>
        )}
      </QueryContent>
      <Card title="Timeline" hint="Oldest first">
        <Pages<SessionResponse, ActivityEvent>
          path={PATH}
          params={{ ...params, limit: 100 }}
          rowsOf={(page) => page.events}
        >
          {(events) => <EventList events={events} tz={view.tz} />}
        </Pages>
      </Card>
    </>
  )
}
