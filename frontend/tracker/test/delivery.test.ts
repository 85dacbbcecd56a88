import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { endpointOf, retryAfterMs } from '../src/request'
import { createTracker } from '../src/tracker'

const NOON = Date.parse('2026-11-20T12:00:00Z')

test.each([
  [null, 0],
  ['', 0],
  ['8', 8000],
  ['0', 0],
  ['Fri, 20 Nov 2026 12:00:30 GMT', 30_000],
  ['Fri, 20 Nov 2026 11:59:00 GMT', 0],
  ['-5', 0],
  ['soon', 0],
  ['99999999999', 86_400_000],
])('Retry-After: %s is %i ms', (header, expected) => {
  expect(retryAfterMs(header, NOON)).toBe(expected)
})

test.each([
  [undefined, location.origin],
  ['', location.origin],
  ['/activity/', `${location.origin}/activity`],
  ['https://events.example.com', 'https://events.example.com'],
  ['https://EVENTS.example.com:443/activity//', 'https://events.example.com/activity'],
  ['file:///tracker', ''],
  ['https://', ''],
])('the endpoint %s is %s', (endpoint, expected) => {
  expect(endpointOf({ endpoint })).toBe(expected)
})

describe('during an outage', () => {
  let attempts: number[] = []

  beforeEach(() => {
    localStorage.clear()
    attempts = []
    vi.useFakeTimers({ now: NOON })
    vi.stubGlobal('indexedDB', undefined)
    vi.stubGlobal('fetch', async () => {
      attempts.push(Date.now() - NOON)
      return new Response('{}', { status: 503 })
    })
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  test('a short outage has few retries, at most 14 seconds apart', async () => {
    for (let round = 0; round < 200; round++) {
      attempts = []
      localStorage.clear()
      vi.setSystemTime(NOON)
      const tracker = createTracker({ userEmail: 'ada@example.com', namespace: `outage${round}` })
      tracker.track('a', { immediate: true })
      await vi.advanceTimersByTimeAsync(45_000)
      expect(attempts.length).toBeGreaterThan(3)
      expect(attempts.length).toBeLessThanOrEqual(12)
      const gaps = attempts.slice(1).map((at, index) => at - (attempts[index] as number))
      expect(Math.max(...gaps)).toBeLessThan(14_100)
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(2000)
      tracker.shutdown()
    }
  })

  test('a long outage has less frequent retries and drops no events', async () => {
    const tracker = createTracker({ userEmail: 'ada@example.com', namespace: 'long' })
    tracker.track('a')
    await vi.advanceTimersByTimeAsync(8 * 3_600_000)
    expect(attempts.length).toBeLessThan(8 * 60 * 3)
    expect(tracker.status()).toMatchObject({ queueSize: 1, dropped: 0 })
    tracker.shutdown()
  })

  test('the next page continues the backoff', async () => {
    const first = createTracker({ userEmail: 'ada@example.com', namespace: 'next' })
    first.track('a', { immediate: true })
    await vi.advanceTimersByTimeAsync(100)
    first.shutdown()
    expect(attempts).toHaveLength(1)
    const second = createTracker({ userEmail: 'ada@example.com', namespace: 'next' })
    second.track('b', { immediate: true })
    await vi.advanceTimersByTimeAsync(1500)
    expect(attempts).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(4000)
    expect(attempts.length).toBeGreaterThan(1)
    second.shutdown()
  })

  test('a clock that is set back does not prolong the backoff', async () => {
    const tracker = createTracker({ userEmail: 'ada@example.com', namespace: 'back' })
    tracker.track('a', { immediate: true })
    await vi.advanceTimersByTimeAsync(100)
    vi.setSystemTime(NOON - 86_400_000)
    await vi.advanceTimersByTimeAsync(15_000)
    expect(attempts.length).toBeGreaterThan(1)
    tracker.shutdown()
  })
})

describe('a key or token with extra characters', () => {
  beforeEach(() => {
    localStorage.clear()
    vi.stubGlobal('indexedDB', undefined)
  })
  afterEach(() => vi.unstubAllGlobals())

  test('a key is trimmed', async () => {
    const bodies: string[] = []
    vi.stubGlobal('fetch', async (_: string, init: RequestInit) => {
      bodies.push(String(init.body))
      return new Response('{}', { status: 503 })
    })
    const tracker = createTracker({ userEmail: 'ada@example.com', key: ' ae_write_k\n' })
    tracker.track('a', { immediate: true })
    await vi.waitFor(() => expect(bodies).toHaveLength(1))
    expect(JSON.parse(bodies[0] as string).key).toBe('ae_write_k')
    tracker.shutdown()
  })

  test('an invalid token does not appear in the status', async () => {
    vi.stubGlobal('fetch', async (_: string, init: RequestInit) => {
      const value = Object.values(init.headers as Record<string, string>).at(-1)
      throw new TypeError(`Invalid header value "${value}"`)
    })
    const tracker = createTracker({
      userEmail: 'ada@example.com',
      getToken: () => Promise.resolve('planted\u0001token'),
    })
    tracker.track('a', { immediate: true })
    await vi.waitFor(() => expect(tracker.status().lastError).not.toBeNull())
    expect(tracker.status().lastError?.message).toContain('Invalid header value')
    expect(JSON.stringify(tracker.status())).not.toContain('planted')
    tracker.shutdown()
  })
})
