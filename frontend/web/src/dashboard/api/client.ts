// The service's API: one request, its errors in the service's own words.
import { credential, forgetCredential } from './credential'

export type Value = string | number | boolean | null | undefined
export type Params = Record<string, Value | readonly string[]>

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

/** `{days: 7, event_type: ['a', 'b']}` -> `days=7&event_type=a&event_type=b`; sorted, none empty. */
export function queryString(params: Params): string {
  const search = new URLSearchParams()
  for (const name of Object.keys(params).sort()) {
    const value = params[name]
    if (value === undefined || value === null || value === '') continue
    for (const each of Array.isArray(value) ? value : [value]) search.append(name, String(each))
  }
  return search.toString()
}

export function authorization(): Record<string, string> {
  const given = credential()
  return given ? { Authorization: `Bearer ${given}` } : {}
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
    response = await fetch(search ? `${path}?${search}` : path, {
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
    throw new ApiError(0, 'unreachable', 'The service can not be reached.')
  }
  if (!response.ok) throw await errorOf(response)
  return response
}

export async function errorOf(response: Response): Promise<ApiError> {
  const retryAfter = Number(response.headers.get('Retry-After')) || null
  let code = 'unknown'
  let message = `The service answered ${response.status}.`
  try {
    const { error } = await response.json()
    code = error.code
    message = error.message
  } catch {
    // Something between us and the service answered.
  }
  if (response.status === 401) forgetCredential(message)
  return new ApiError(response.status, code, message, retryAfter)
}

export async function get<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  return (await request('GET', path, params, { signal })).json()
}
