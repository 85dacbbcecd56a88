import { useParams } from 'wouter'
import { useAnswer } from '../api/queries'
import type { ActivityEvent, SessionAnswer } from '../api/types'
import { Card, PageHead } from '../parts/card'
import { EventList } from '../parts/event-list'
import { Pages } from '../parts/pages'
import { Stat } from '../parts/stat'
import { Answered, StatsLoading } from '../parts/states'
import { UserLink } from '../parts/user-link'
import { count, moment, span, words } from '../view/format'
import { decoded, useView } from '../view/view'

export default function Session() {
  const { email = '', id = '' } = useParams<{ email: string; id: string }>()
  const [view] = useView()
  const user = decoded(email)
  const session = decoded(id)
  const path = `/api/events/session/${encodeURIComponent(session)}`
  const query = useAnswer<SessionAnswer>(path, { user_email: user, limit: 1 })
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
          path={path}
          params={{ user_email: user, limit: 100 }}
          rowsOf={(page) => page.events}
        >
          {(events) => <EventList events={events} tz={view.tz} />}
        </Pages>
      </Card>
    </>
  )
}
