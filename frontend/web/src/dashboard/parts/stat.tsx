import type { ReactNode } from 'react'
import { Sparkline } from '../charts/sparkline'
import { percent } from '../view/format'

/** One metric: its value, change from the previous period, and trend. */
export function Stat({
  title,
  value,
  change,
  trend,
  note,
}: {
  title: string
  value: ReactNode
  change?: number | null | undefined
  trend?: readonly number[] | undefined
  note?: string
}) {
  return (
    <section className="card stat" aria-label={title}>
      <h2 className="stat-title">{title}</h2>
      <p className="stat-value">{value}</p>
      <p className="stat-change">
        {change === undefined ? (
          <span className="quiet-text">{note ?? '\u00a0'}</span>
        ) : change === null ? (
          <span className="quiet-text">No earlier data to compare</span>
        ) : (
          <>
            <span className={change > 0 ? 'up' : change < 0 ? 'down' : 'quiet-text'}>
              {change ? `${change > 0 ? '▲' : '▼'} ${percent(Math.abs(change))}` : 'No change'}
            </span>
            {change !== 0 && (
              <span className="quiet-text">
                {' '}
                vs. previous<span className="visually-hidden"> period</span>
              </span>
            )}
          </>
        )}
      </p>
      {trend && trend.length > 1 && (
        <Sparkline values={trend} label={`Trend of ${title.toLowerCase()}`} />
      )}
    </section>
  )
}
