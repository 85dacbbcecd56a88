import type { TrackerOptions } from './types'

const DAY_MS = 86_400_000

/**
 * Returns the service's base URL without a trailing slash. Empty where there is none: outside of
 * browsers, and for a page without an origin of its own that names no endpoint.
 */
export const endpointOf = ({ endpoint }: TrackerOptions): string => {
  try {
    const { href } = new URL(endpoint || location.origin, location.href)
    return href.startsWith('http') ? href.replace(/\/+$/, '') : ''
  } catch {
    return ''
  }
}

/** As text/plain, so that only a token requires a CORS preflight. */
export const requestOf = (method: string, body: string, token?: string): RequestInit => ({
  method,
  body,
  headers: {
    ...(method === 'PUT' && { 'Content-Type': 'application/json' }),
    ...(token && { Authorization: `Bearer ${token}` }),
  },
  keepalive: true,
})

/** Returns the user's token; undefined without `getToken`. It must come within the time limit. */
export const tokenOf = async ({ getToken, requestTimeoutMs = 30_000 }: TrackerOptions) => {
  if (!getToken) return undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  const expired = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, requestTimeoutMs)
  })
  const token = await Promise.race([getToken(), expired])
  clearTimeout(timer)
  if (!token) throw 'getToken returned no token'
  return token
}

/** Parses both forms of `Retry-After` (seconds or HTTP date) to milliseconds. */
export function retryAfterMs(header: string | null, now: number): number {
  if (!header) return 0
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now
  return Math.min(Math.max(ms || 0, 0), DAY_MS)
}

/** An upper bound of the length in UTF-8, exact for ASCII; it works where TextEncoder is missing. */
export const utf8BytesMax = (text: string): number => text.replace(/[^\0-\x7f]/g, '123').length
