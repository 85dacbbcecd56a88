// Loading, failed, empty: what stands where an answer will be.
import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ApiError } from '../api/client'

export function Loading({ height = 120 }: { height?: number }) {
  return (
    <div className="loading" style={{ minHeight: height }} role="status">
      <span className="visually-hidden">Loading …</span>
    </div>
  )
}

/** As high as what will stand there, so that nothing below moves. */
export function StatsLoading({ count = 4 }: { count?: number }) {
  return (
    <div className="stats" role="status">
      <span className="visually-hidden">Loading …</span>
      {Array.from({ length: count }, (_, place) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: one is like the other
        <div key={place} className="card stat loading" />
      ))}
    </div>
  )
}

export function CardsLoading({ heights }: { heights: readonly number[] }) {
  return heights.map((height, place) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: they don't move
    <div key={place} className="card loading" style={{ height }} />
  ))
}

export function Failure({ error, retry }: { error: Error; retry?: (() => void) | undefined }) {
  return (
    <div className="failure" role="alert">
      <p>
        <strong>{titleOf(error)}</strong>
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
  if (error.status === 0) return 'No connection'
  if (error.code === 'too_expensive') return 'Too much to count in time'
  if (error.status === 503) return 'The service is busy'
  if (error.status === 403) return 'Not for you to see'
  if (error.status === 404) return 'Not found'
  return 'That can not be answered'
}

/** `height`: that of what was loading in its place, so that nothing below moves. */
export function Empty({ height, children }: { height?: number; children?: ReactNode }) {
  return (
    <p className="empty" style={{ minHeight: height }}>
      {children ?? 'Nothing happened in this window.'}
    </p>
  )
}

/** An answer in its three states. */
export function Answered<T>({
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
  /** In place of a block of that height. */
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
