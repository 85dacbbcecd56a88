import { useMemo } from 'react'
import { useAnalytics } from '../api/queries'
import type { Retention as Data } from '../api/types'
import { LineChart } from '../charts/lines'
import { Card, PageHead } from '../parts/card'
import { Choice, Select } from '../parts/choice'
import { csv, download } from '../parts/csv'
import { QueryContent } from '../parts/states'
import { averageOf, isComplete, type Period } from '../retention/average'
import '../retention/retention.css'
import { count, day, percent, wholePercent } from '../view/format'
import { lengthOf, useParam, usersOf, useView } from '../view/view'

const DAYS_OF = { day: 1, week: 7, month: 30 } as const
const COHORT_TITLES = {
  day: 'Daily cohorts',
  week: 'Weekly cohorts',
  month: 'Monthly cohorts',
} as const
const PERIODS = ['4', '8', '12', '24'].map((n) => [n, n] as const)

export default function Retention() {
  const [view] = useView()
  const [period, setPeriod] = useParam('period', 'week')
  const [periods, setPeriods] = useParam('periods', '8')
  const [unit, setUnit] = useParam('as', 'percent')
  const query = useAnalytics<Data>('retention', { ...usersOf(view), period, periods })
  const isShort = lengthOf(view) < 3 * DAYS_OF[period as Period]
  return (
    <>
      <PageHead title="Retention">
        How many users come back in the {period}s after their first visit.
      </PageHead>
      <Card
        title={COHORT_TITLES[period as Period]}
        hint={
          isShort
            ? `Choose a longer period to see more than two ${period}s.`
            : `Italic: ${period} in progress`
        }
        actions={
          <>
            <Choice
              label="Cohort period"
              value={period}
              options={[
                ['day', 'Day'],
                ['week', 'Week'],
                ['month', 'Month'],
              ]}
              onChange={setPeriod}
            />
            <Select
              label={`Number of ${period}s`}
              value={periods}
              options={PERIODS}
              onChange={setPeriods}
            />
            <Choice
              label="Show as"
              value={unit}
              options={[
                ['percent', '%'],
                ['users', 'Users'],
              ]}
              onChange={setUnit}
            />
          </>
        }
      >
        <QueryContent
          query={query}
          height={320}
          isEmpty={(data) => !data.rows.some((row) => row.size)}
          empty="No new users in this period."
        >
          {(data) => <CohortTable data={data} isPercent={unit === 'percent'} />}
        </QueryContent>
      </Card>
      {query.data?.rows.some((row) => row.size) && (
        <Card title="Average retention" hint={`Completed ${period}s only, weighted by cohort size`}>
          <Curve data={query.data} />
        </Card>
      )}
    </>
  )
}

function CohortTable({ data, isPercent }: { data: Data; isPercent: boolean }) {
  const width = Math.max(...data.rows.map((row) => row.users.length))
  const rows = data.rows.filter((row) => row.size > 0)
  const end = localDay(data)
  const average = averageOf(rows, data.period, end)
  const places = Array.from({ length: width }, (_, place) => place)
  const columns = [
    { title: 'Cohort', value: (row: Data['rows'][number]) => row.cohort },
    { title: 'Users', value: (row: Data['rows'][number]) => row.size },
    ...places.map((place) => ({
      title: periodName(data.period, place),
      value: (row: Data['rows'][number]) =>
        (isPercent ? row.rates[place] : row.users[place]) ?? null,
    })),
  ]
  return (
    <div className="table-frame">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region needs keyboard focus */}
      <section className="table-scroll" tabIndex={0} aria-label="Retention by cohort">
        <table className="triangle">
          <caption className="visually-hidden">Retention by cohort</caption>
          <thead>
            <tr>
              <th scope="col">Cohort</th>
              <th scope="col" className="number">
                Users
              </th>
              {places.map((place) => (
                <th key={place} scope="col" className="number">
                  {periodName(data.period, place)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.cohort}>
                <th scope="row">{day(row.cohort)}</th>
                <td className="number">{count(row.size)}</td>
                {places.map((place) => {
                  const rate = row.rates[place] ?? null
                  const users = row.users[place] ?? null
                  return (
                    <td
                      key={place}
                      className="number cell"
                      data-heat={heatOf(rate)}
                      data-ongoing={!isComplete(row.cohort, place, data.period, end)}
                    >
                      {rate === null || users === null
                        ? ''
                        : isPercent
                          ? percent(rate, 0)
                          : count(users)}
                    </td>
                  )
                })}
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">Average</th>
              <td className="number">{count(data.rows.reduce((sum, row) => sum + row.size, 0))}</td>
              {places.map((place) => (
                <td key={place} className="number">
                  {percent(average[place] ?? null, 0)}
                </td>
              ))}
            </tr>
          </tfoot>
        </table>
      </section>
      <div className="table-foot">
        <button
          type="button"
          className="button small quiet"
          onClick={() => download('retention.csv', csv(columns, rows))}
        >
          Export CSV<span className="visually-hidden"> of retention by cohort</span>
        </button>
      </div>
    </div>
  )
}

/** The name of the nth period: `Week 2`. */
function periodName(period: Period, place: number): string {
  return `${period.charAt(0).toUpperCase()}${period.slice(1)} ${place}`
}

/** The last day of the window, in its time zone. */
function localDay(data: Data): string {
  return new Intl.DateTimeFormat('sv', { timeZone: data.timezone }).format(new Date(data.end))
}

/** One of five colour steps; none for future periods and for 0. */
function heatOf(rate: number | null): number | undefined {
  return rate === null || rate === 0 ? undefined : Math.min(4, Math.floor(rate * 5))
}

function Curve({ data }: { data: Data }) {
  const average = useMemo(() => averageOf(data.rows, data.period, localDay(data)), [data])
  const labels = useMemo(
    () => average.map((_, place) => periodName(data.period, place)),
    [average, data],
  )
  const lines = useMemo(() => [{ name: 'Average', values: average }], [average])
  return (
    <LineChart
      label={`Average retention by ${data.period}`}
      labels={labels}
      lines={lines}
      format={wholePercent}
      height={220}
    />
  )
}
