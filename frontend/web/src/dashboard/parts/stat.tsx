import type { ReactNode } from 'react'
import { Sparkline } from '../charts/sparkline'
import { percent } from '../view/format'

/** One number, how it changed since the window before, and its course. */
export function Stat({
  title,
  value,
  change,
  course,
  note,
}: {
  title: string
  value: ReactNode
  change?: number | null | undefined
  course?: readonly number[] | undefined
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
          <span className="quiet-text">nothing before to compare with</span>
        ) : (
          <>
            <span className={change > 0 ? 'up' : change < 0 ? 'down' : 'quiet-text'}>
              {change > 0 ? '▲' : change < 0 ? '▼' : '='} {percent(Math.abs(change))}
            </span>{' '}
            <span className="quiet-text">than before</span>
          </>
        )}
      </p>
      {course && course.length > 1 && <Sparkline values={course} label={`${title}, its course`} />}
    </section>
  )
}
