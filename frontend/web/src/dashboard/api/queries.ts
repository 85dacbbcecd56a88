// API requests as hooks: refetched when their parameters change, cached between pages.
import { keepPreviousData, QueryClient, type UseQueryResult, useQuery } from '@tanstack/react-query'
import { ApiError, get, type Params, queryString } from './client'

const FRESH_MS = 15_000
const RETRIES = 2
const RETRY_MS = 1_500

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: FRESH_MS,
      placeholderData: keepPreviousData,
      // Retries only when the service is unreachable or busy; other errors are shown at once.
      retry: (failures, error) =>
        failures < RETRIES &&
        error instanceof ApiError &&
        (error.status === 0 || error.status === 429 || error.status === 503) &&
        error.code !== 'too_expensive',
      retryDelay: (_, error) =>
        error instanceof ApiError && error.retryAfterSeconds
          ? error.retryAfterSeconds * 1000
          : RETRY_MS,
    },
  },
})

// Not `/api/events/analytics`, the same under a name that ad blockers stop on any host.
export const REPORTS = '/api/reports'

/** GET `path` with `params`; no request while `params` is null. */
export function useApi<T>(
  path: string,
  params: Params | null,
  options: { refetchMs?: number } = {},
): UseQueryResult<T, Error> {
  return useQuery<T>({
    queryKey: [path, params === null ? null : queryString(params)],
    queryFn: ({ signal }) => get<T>(path, params ?? {}, signal),
    enabled: params !== null,
    ...(options.refetchMs ? { refetchInterval: options.refetchMs } : {}),
  })
}

/** GET `/api/reports/...`. */
export function useAnalytics<T>(question: string, params: Params | null): UseQueryResult<T, Error> {
  return useApi<T>(question ? `${REPORTS}/${question}` : REPORTS, params)
}
