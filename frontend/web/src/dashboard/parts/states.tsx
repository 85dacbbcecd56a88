// Loading, error and empty states.
import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ApiError, BLOCKED } from '../api/client'

export function Loading({ height = 120 }: { height?: number }) {
  return (
    <div className="loading" style={{ minHeight: height }} role="status">
      <span className="visually-hidden">Loading …</span>
    </div>
  )
}

/** Skeletons of the same height as the content, to avoid layout shift. */
export function StatsLoading({ count = 4 }: { count?: number }) {
  return (
    <div className="stats" role="status">
      <span className="visually-hidden">Loading …</span>
      {Array.from({ length: count }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: skeletons are identical
        <div key={index} className="card stat loading" />
      ))}
    </div>
  )
}

export function CardsLoading({ heights }: { heights: readonly number[] }) {
  return heights.map((height, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: skeletons are identical
    <div key={index} className="card loading" style={{ height }} />
  ))
}

export function Failure({
  error,
  title = titleOf(error),
  retry,
}: {
  error: Error
  title?: string
  retry?: (() => void) | undefined
}) {
  return (
    <div className="failure" role="alert">
      <p>
        <strong>{title}</strong>
      </p>
      <p>{error.message}</p>
      {retry && (
        <button type="button" className="button small" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

function titleOf(error: Error): string {
  if (!(error instanceof ApiError)) return 'Something went wrong'
  if (error.code === BLOCKED) return 'Request blocked'
  if (error.status === 0) return 'No connection'
  if (error.code === 'too_expensive') return 'This query took too long'
  if (error.status === 503) return 'The service is busy'
  if (error.status === 403) return 'Access denied'
  if (error.status === 404) return 'Not found'
  return 'This question could not be answered'
}

/** `height`: that of the loading state, to avoid layout shift. */
export function Empty({ height, children }: { height?: number; children?: ReactNode }) {
  return (
    <p className="empty" style={{ minHeight: height }}>
      {children ?? 'No events in this period.'}
    </p>
  )
}

/** The content of a query: loading, error, empty or data. */
export function QueryContent<T>({
  query,
  isEmpty,
  empty,
  height = 120,
  loading,
  children,
}: {
  query: UseQueryResult<T, Error>
  isEmpty?: (data: T) => boolean
  empty?: ReactNode
  height?: number
  /** Replaces the default skeleton. */
  loading?: ReactNode
  children: (data: T) => ReactNode
}) {
  if (query.isError) return <Failure error={query.error} retry={() => query.refetch()} />
  if (query.data === undefined) return loading ?? <Loading height={height} />
  if (isEmpty?.(query.data)) return <Empty height={height}>{empty}</Empty>
  return (
    <div className={query.isPlaceholderData ? 'stale' : ''} aria-busy={query.isFetching}>
      {children(query.data)}
    </div>
  )
}
