import { afterEach, beforeEach, describe, expect, expectTypeOf, test, vi } from 'vitest'
import { createTracker, EVENT_TYPES, type Tracker, type TrackOptions } from '../src/index'

declare module '../src/types' {
  interface EventMap {
    invoice_paid: { amount: number; currency: 'EUR' | 'USD' }
  }
}

const trackers: Tracker[] = []
function start(options: Parameters<typeof createTracker>[0] = {}) {
  const tracker = createTracker({ userEmail: 'ada@example.com', ...options })
  trackers.push(tracker)
  return tracker
}

beforeEach(() => {
  localStorage.clear()
  vi.stubGlobal('indexedDB', undefined)
})
afterEach(() => {
  for (const tracker of trackers.splice(0)) tracker.shutdown()
  vi.unstubAllGlobals()
})

const stored = () =>
  Object.entries(localStorage)
    .filter(([key]) => key.startsWith(`activity<${location.origin}>.e.`))
    .map(([, text]) => JSON.parse(text.split('\n')[3] as string))

test('sanitize can change or drop an event', () => {
  const tracker = start({
    sanitize: ({ metadata, ...event }) => (event.type === 'secret' ? null : { ...event }),
  })
  expect(tracker.track('seen', { metadata: { title: 'x' } })).toBeDefined()
  expect(tracker.track('secret')).toBeUndefined()
  expect(stored()).toMatchObject([{ event_type: 'seen', session_seq: 1 }])
  expect(stored()[0]).not.toHaveProperty('metadata')
})

test('an error in sanitize drops the event and appears in the status', () => {
  const tracker = start({
    sanitize: () => {
      throw new Error('broken')
    },
  })
  expect(tracker.track('a')).toBeUndefined()
  expect(stored()).toEqual([])
  expect(tracker.status()).toMatchObject({ dropped: 1, lastError: { code: 'not_recorded' } })
})

test('the status is the same object until a value changes', () => {
  const tracker = start()
  const before = tracker.status()
  expect(tracker.status()).toBe(before)
  tracker.track('a')
  expect(tracker.status()).not.toBe(before)
  expect(tracker.status().queueSize).toBe(1)
})

test('listeners are called once per task until they unsubscribe', async () => {
  const tracker = start()
  const task = () => new Promise((done) => setTimeout(done))
  await task()
  const listener = vi.fn()
  const unsubscribe = tracker.subscribe(listener)
  tracker.trackBatch([{ type: 'a' }, { type: 'b' }, { type: 'c' }])
  await Promise.resolve()
  expect(listener).not.toHaveBeenCalled()
  await task()
  expect(listener).toHaveBeenCalledTimes(1)
  unsubscribe()
  tracker.track('d')
  await task()
  expect(listener).toHaveBeenCalledTimes(1)
})

test('an opt-out at one service keeps the events of another, whatever their names (T16)', async () => {
  const endpoints = ['https://events', 'https://events.example.com', 'https://events/e.x']
  const [first, ...others] = endpoints.map((endpoint) => start({ endpoint }))
  for (const other of others) other.track('a')
  first?.optOut()
  expect(others.map((other) => other.status())).toMatchObject([
    { enabled: true, queueSize: 1 },
    { enabled: true, queueSize: 1 },
  ])
  const keys = Object.keys(localStorage).filter((key) => key.includes('>.e.'))
  expect(keys).toHaveLength(2)
})

test.each([
  ['l'],
  ['d'],
  ['s'],
  ['b'],
  ['c'],
  ['x'],
])('invalid data under the key %s is ignored', async (key) => {
  for (const garbage of ['{', 'null', '[', 'x y z', '\u0000']) {
    localStorage.setItem(`activity<${location.origin}>.${key}`, garbage)
    const tracker = start()
    expect(tracker.track('a')).toBeDefined()
    await Promise.resolve()
    tracker.shutdown()
  }
})

describe('during server-side rendering', () => {
  test('the tracker is inactive and does not throw', async () => {
    for (const name of ['document', 'location', 'localStorage']) vi.stubGlobal(name, undefined)
    const tracker = createTracker({ userEmail: 'ada@example.com' })
    expect(tracker.track('a')).toBeUndefined()
    tracker.identify('bob@example.com')
    expect(tracker.status()).toMatchObject({
      enabled: false,
      queueSize: 0,
      online: false,
      lastError: { code: 'no_endpoint' },
    })
    expect(await tracker.flush()).toBe(true)
    await Promise.resolve()
    vi.unstubAllGlobals()
  })
})

test('EventMap declarations are type-checked', () => {
  expectTypeOf<TrackOptions<'invoice_paid'>['metadata']>().toEqualTypeOf<
    { amount: number; currency: 'EUR' | 'USD' } | undefined
  >()
  expectTypeOf<TrackOptions<'anything'>['metadata']>().toEqualTypeOf<object | undefined>()
  expectTypeOf(EVENT_TYPES.PROJECT_SUBTASK_COMPLETED).toEqualTypeOf<'project_subtask_completed'>()
  const tracker = start()
  tracker.track('invoice_paid', { metadata: { amount: 1, currency: 'EUR' } })
  // @ts-expect-error: currency is required
  tracker.track('invoice_paid', { metadata: { amount: 1 } })
})

test('every known type has a constant', () => {
  for (const [name, type] of Object.entries(EVENT_TYPES)) expect(type).toBe(name.toLowerCase())
  expect(Object.keys(EVENT_TYPES).length).toBeGreaterThan(30)
})

test('events that no key opens are not sent again at once', async () => {
  const send = vi.fn(async () => new Response('{}', { status: 401 }))
  vi.stubGlobal('fetch', send)
  const tracker = start()
  tracker.track('seen', { immediate: true })
  tracker.configure({ key: 'wrong' })
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(send.mock.calls.length).toBeGreaterThan(0)
  expect(send.mock.calls.length).toBeLessThan(4)
})

test('another endpoint has the user of the moment', () => {
  const tracker = start({ endpoint: 'https://one.test' })
  tracker.identify('bob@example.com')
  tracker.configure({ endpoint: 'https://two.test' })
  tracker.track('seen')
  const [key] = Object.keys(localStorage).filter((key) => key.includes('two.test>.e.'))
  expect(localStorage.getItem(key as string)).toContain('"user_email":"bob@example.com"')
})

test('a token that comes after another user has signed in is not used', async () => {
  const send = vi.fn(async () => new Response('{}', { status: 503 }))
  vi.stubGlobal('fetch', send)
  let give = (_: string) => {}
  const getToken = () => new Promise<string>((resolve) => (give = resolve))
  const tracker = start({ getToken })
  tracker.track('seen', { immediate: true })
  await vi.waitFor(() => expect(tracker.status().inFlight).toBe(1))
  tracker.identify('bob@example.com')
  give('token of bob')
  await vi.waitFor(() => expect(tracker.status().inFlight).toBe(0))
  expect(send).not.toHaveBeenCalled()
})

test('metadata that can not be read costs only itself, in all functions', () => {
  const tracker = start()
  const odd = {
    get a() {
      throw new Error('no')
    },
  }
  expect(tracker.trackPageView('/', odd as never)).toBeDefined()
  expect(tracker.trackTimed('timed').complete(odd as never)).toBeDefined()
})
