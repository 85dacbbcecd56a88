// A paginated list with a button for the next page.
import { useInfiniteQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { get, type Params, queryString } from '../api/client'
import { Empty, Failure, Loading } from './states'

// Of the loading and empty states.
const HEIGHT = 300

export function Pages<Page extends { next_cursor: string | null }, Row>({
  path,
  params,
  rowsOf,
  empty,
  children,
}: {
  path: string
  params: Params
  rowsOf: (page: Page) => readonly Row[]
  empty?: ReactNode
  children: (rows: Row[]) => ReactNode
}) {
  const query = useInfiniteQuery({
    queryKey: [path, queryString(params), 'pages'],
    queryFn: ({ pageParam, signal }) =>
      get<Page>(path, pageParam ? { ...params, cursor: pageParam } : params, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  })
  if (query.isError && !query.data)
    return <Failure error={query.error} retry={() => query.refetch()} />
  if (!query.data) return <Loading height={HEIGHT} />
  const rows = query.data.pages.flatMap((page) => [...rowsOf(page)])
  if (!rows.length) return <Empty height={HEIGHT}>{empty}</Empty>
  return (
    <>
      <div className={query.isPlaceholderData ? 'stale' : ''} aria-busy={query.isFetching}>
        {children(rows)}
      </div>
      {query.isError && (
        <Failure
          error={query.error}
          retry={() => (query.isFetchNextPageError ? query.fetchNextPage() : query.refetch())}
        />
      )}
      {query.hasNextPage && (
        <button
          type="button"
          className="button"
          disabled={query.isFetchingNextPage}
          onClick={() => query.fetchNextPage()}
        >
          {query.isFetchingNextPage ? 'Loading …' : 'Show more'}
        </button>
      )}
    </>
  )
}
