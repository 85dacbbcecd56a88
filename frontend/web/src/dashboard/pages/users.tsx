import { type FormEvent, useMemo } from 'react'
import { useLocation } from 'wouter'
import { useAnalytics } from '../api/queries'
import type { ActiveUsers, Top } from '../api/types'
import { LineChart } from '../charts/lines'
import { Card, PageHead } from '../parts/card'
import { Ranked } from '../parts/ranked'
import { Stat } from '../parts/stat'
import { CardsLoading, QueryContent, StatsLoading } from '../parts/states'
import { Table } from '../parts/table'
import { UserLink, useUserPath } from '../parts/user-link'
import { compact, count, day, percent, wholePercent } from '../view/format'
import { eventsOf, usersOf, useView, type View } from '../view/view'

export default function Users() {
  const [view] = useView()
  const active = useAnalytics<ActiveUsers>('active-users', usersOf(view))
  return (
    <>
      <PageHead title="Users">Active, new and returning users.</PageHead>
      <QueryContent
        query={active}
        loading={
          <div className="stack">
            <StatsLoading />
            <CardsLoading heights={[368]} />
            <div className="halves">
              <CardsLoading heights={[308, 308]} />
            </div>
            <CardsLoading heights={[1200]} />
          </div>
        }
        isEmpty={(data) => !data.rows.length}
      >
        {(data) => <ActiveUserCards data={data} />}
      </QueryContent>
      <TopUsers view={view} />
    </>
  )
}

function ActiveUserCards({ data }: { data: ActiveUsers }) {
  const last = data.rows.at(-1)
  const labels = useMemo(() => data.rows.map((row) => day(row.day)), [data])
  const activeUsers = useMemo(
    () => [
      { name: 'DAU', values: data.rows.map((row) => row.dau) },
      { name: 'WAU', values: data.rows.map((row) => row.wau) },
      { name: 'MAU', values: data.rows.map((row) => row.mau) },
    ],
    [data],
  )
  const newAndReturning = useMemo(
    () => [
      { name: 'Returning', values: data.rows.map((row) => row.returning) },
      { name: 'New', values: data.rows.map((row) => row.new) },
    ],
    [data],
  )
  const stickiness = useMemo(
    () => [{ name: 'Stickiness', values: data.rows.map((row) => row.stickiness) }],
    [data],
  )
  return (
    <div className="stack">
      <div className="stats">
        <Stat title="Active users" value={compact(data.active_users)} note="In this period" />
        <Stat title="New users" value={compact(data.new_users)} note="First seen in this period" />
        <Stat
          title="DAU, last day"
          value={compact(last?.dau ?? 0)}
          note={day(last?.day ?? '1970-01-01')}
        />
        <Stat
          title="Stickiness (DAU/MAU)"
          value={percent(last?.stickiness ?? null)}
          note="On the last day"
        />
      </div>
      <Card title="Active users" hint="Unique users per day, and over trailing 7 and 30 days">
        <LineChart
          label="Daily, weekly and monthly active users"
          labels={labels}
          lines={activeUsers}
        />
      </Card>
      <div className="halves">
        <Card title="New and returning users">
          <LineChart
            label="New and returning users by day"
            labels={labels}
            lines={newAndReturning}
            isStacked
            height={220}
          />
        </Card>
        <Card title="Stickiness" hint="DAU ÷ MAU">
          <LineChart
            label="Stickiness by day"
            labels={labels}
            lines={stickiness}
            format={wholePercent}
            height={220}
          />
        </Card>
      </div>
      <Card title="Daily breakdown">
        <Table
          caption="Active users by day, latest first"
          file="active-users"
          rows={[...data.rows].reverse()}
          keyOf={(row) => row.day}
          columns={[
            { title: 'Day', value: (row) => row.day },
            ...(Object.keys(COLUMNS) as (keyof typeof COLUMNS)[]).map((name) => ({
              title: COLUMNS[name],
              value: (row: ActiveUsers['rows'][number]) => row[name],
              show: (row: ActiveUsers['rows'][number]) => count(row[name]),
              isNumber: true,
            })),
            {
              title: 'Stickiness',
              value: (row) => row.stickiness,
              show: (row) => percent(row.stickiness),
              isNumber: true,
            },
          ]}
        />
      </Card>
    </div>
  )
}

const COLUMNS = {
  dau: 'DAU',
  wau: 'WAU',
  mau: 'MAU',
  new: 'New',
  returning: 'Returning',
} as const

function TopUsers({ view }: { view: View }) {
  const [, navigate] = useLocation()
  const userPath = useUserPath()
  const top = useAnalytics<Top>('top', { ...eventsOf(view), by: 'user', limit: 50 })
  const open = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const email = String(new FormData(event.currentTarget).get('email')).trim()
    navigate(userPath(email))
  }
  return (
    <Card
      title="Top users"
      actions={
        <form className="row" onSubmit={open}>
          <label className="field">
            <span>Find a user</span>
            <input
              className="input"
              type="email"
              name="email"
              placeholder="ada@example.com"
              required
            />
          </label>
          <button type="submit" className="button">
            Open
          </button>
        </form>
      }
    >
      <QueryContent query={top} height={300} isEmpty={(data) => !data.rows.length}>
        {(data) => (
          <Ranked
            caption="Top users by events"
            title="User"
            data={data}
            file="users"
            show={(row) => typeof row.value === 'string' && <UserLink email={row.value} />}
          />
        )}
      </QueryContent>
    </Card>
  )
}
