import { Link } from 'wouter'
import type { Params } from '../api/client'
import type { SessionPage, SessionRow } from '../api/types'
import { moment, span } from '../view/format'
import { searchOf, useView } from '../view/view'
import { Pages } from './pages'
import { Table } from './table'
import { UserLink } from './user-link'

const sessionParams = (row: SessionRow) =>
  new URLSearchParams({ of: row.user_email, id: row.session_id }).toString()

export function SessionList({
  params,
  tz,
  showUser = false,
}: {
  params: Params
  tz: string
  showUser?: boolean
}) {
  const [view] = useView()
  return (
    <Pages<SessionPage, SessionRow>
      path="/api/events/sessions"
      params={{ ...params, limit: 25 }}
      rowsOf={(page) => page.sessions}
      empty="No sessions with a session ID in this period."
    >
      {(rows) => (
        <Table
          caption="Sessions, newest first"
          file="sessions"
          rows={rows}
          rowsShown={rows.length} // already paginated
          keyOf={sessionParams}
          columns={[
            {
              title: 'Started',
              value: (row) => row.started_at,
              show: (row) => (
                <Link href={`/session${searchOf(view, sessionParams(row))}`}>
                  {moment(row.started_at, tz)}
                </Link>
              ),
            },
            ...(showUser
              ? [
                  {
                    title: 'User',
                    value: (row: SessionRow) => row.user_email,
                    show: (row: SessionRow) => <UserLink email={row.user_email} />,
                  },
                ]
              : []),
            {
              title: 'Length',
              value: (row) => row.duration_ms,
              show: (row) => span(row.duration_ms),
              isNumber: true,
            },
            {
              title: 'Events',
              value: (row) => row.total_events,
              isNumber: true,
            },
          ]}
        />
      )}
    </Pages>
  )
}
