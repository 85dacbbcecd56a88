// HTTP requests to the service's API; errors carry the service's message.
import { BASE_PATH } from '../../base-path'
import { credential, forgetCredential } from './credential'

export type Value = string | number | boolean | null | undefined
export type Params = Record<string, Value | readonly string[]>

export const BLOCKED = 'blocked'

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(message)
  }
}

/** `{days: 7, event_type: ['a', 'b']}` -> `days=7&event_type=a&event_type=b`; sorted, without empty values. */
export function queryString(params: Params): string {
  const search = new URLSearchParams()
  for (const name of Object.keys(params).sort()) {
    const value = params[name]
    if (value === undefined || value === null || value === '') continue
    for (const item of Array.isArray(value) ? value : [value]) search.append(name, String(item))
  }
  return search.toString()
}

export function authorization(): Record<string, string> {
  const token = credential()
  return token ? { Authorization: `Bearer ${token}` } : {}
}

export async function request(
  method: 'GET' | 'PUT' | 'POST' | 'DELETE',
  path: string,
  params: Params = {},
  { body, signal }: { body?: unknown; signal?: AbortSignal | undefined } = {},
): Promise<Response> {
  const search = queryString(params)
  let response: Response
  try {
    response = await fetch(BASE_PATH + path + (search && `?${search}`), {
      method,
      headers: {
        ...authorization(),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    })
  } catch (error) {
    if (signal?.aborted) throw error
    throw await notSent()
  }
  if (!response.ok) throw await errorOf(response)
  return response
}

/** The error of a request that got no response at all: it tells a blocked one from no connection. */
async function notSent(): Promise<ApiError> {
  const isReachable = await fetch(`${BASE_PATH}/health/live`, { cache: 'no-store' }).then(
    (response) => response.ok,
    () => false,
  )
  if (!isReachable)
    return new ApiError(0, 'unreachable', 'Can’t reach the server. Check your connection.')
  return new ApiError(
    0,
    BLOCKED,
    'The server is reachable, but the browser did not complete this request. Perhaps an ad blocker stopped it: allow this page in its settings.',
  )
}

export async function errorOf(response: Response): Promise<ApiError> {
  const retryAfter = Number(response.headers.get('Retry-After')) || null
  let code = 'unknown'
  let message = `The server returned status ${response.status}.`
  try {
    const { error } = await response.json()
    code = error.code
    message = error.message
  } catch {
    // The response is not from the service, but from a proxy in between.
  }
  if (response.status === 401) forgetCredential(message)
  return new ApiError(response.status, code, message, retryAfter)
}

export async function get<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  return (await request('GET', path, params, { signal })).json()
}
