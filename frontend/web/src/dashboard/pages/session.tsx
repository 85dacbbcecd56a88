import { useAnswer } from '../api/queries'
import type { ActivityEvent, SessionAnswer } from '../api/types'
import { Card, PageHead } from '../parts/card'
import { EventList } from '../parts/event-list'
import { Pages } from '../parts/pages'
import { Stat } from '../parts/stat'
import { Answered, StatsLoading } from '../parts/states'
import { UserLink } from '../parts/user-link'
import { count, moment, span, words } from '../view/format'
import { useParam, useView } from '../view/view'

// An id of `..` in a path would be another path.
const PATH = '/api/events/session'

export default function Session() {
  const [view] = useView()
  const [user] = useParam('of', '')
  const [session] = useParam('id', '')
  const asked = { session_id: session, user_email: user }
  const query = useAnswer<SessionAnswer>(PATH, { ...asked, limit: 1 })
  return (
    <>
      <PageHead title={`Session ${session}`}>
        of <UserLink email={user} />
      </PageHead>
      <Answered query={query} loading={<StatsLoading />}>
        {({ summary }) => (
          <div className="stats">
            <Stat title="Began" value={moment(summary.started_at, view.tz)} note={view.tz} />
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
              title="From page to page"
              value={summary.first_page ?? '–'}
              note={summary.last_page ? `to ${summary.last_page}` : ''}
            />
          </div>
        )}
      </Answered>
      <Card title="Timeline" hint="oldest first">
        <Pages<SessionAnswer, ActivityEvent>
          path={PATH}
          params={{ ...asked, limit: 100 }}
          rowsOf={(page) => page.events}
        >
          {(events) => <EventList events={events} tz={view.tz} />}
        </Pages>
      </Card>
    </>
  )
}
