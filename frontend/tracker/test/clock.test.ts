import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createClock } from '../src/clock'
import { createLocalStorage } from '../src/local-storage'

const NOON = Date.parse('2026-11-20T12:00:00.000Z')
const HOUR = 3_600_000
const iso = (ms: number) => new Date(ms).toISOString()
const start = () => createClock(createLocalStorage('test'))

beforeEach(() => {
  localStorage.clear()
  vi.useFakeTimers({ now: NOON, toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] })
})
afterEach(() => vi.useRealTimers())

test("without a server time, times are the computer's and marked as unconfirmed", () => {
  const clock = start()
  expect(clock.now()).toBe(NOON)
  const clockId = clock.clockId()
  expect(clockId).not.toBe('')
  vi.advanceTimersByTime(5000)
  expect(clock.sentAt(clockId)).toBe(iso(NOON + 5000))
})

test('after synchronization, times follow the server and need no sent_at', () => {
  const clock = start()
  const startedAt = performance.now()
  vi.advanceTimersByTime(200)
  clock.synchronize(iso(NOON + 100 + HOUR), startedAt)
  expect(clock.now()).toBe(NOON + 200 + HOUR)
  expect(clock.clockId()).toBe('')
  expect(clock.sentAt('')).toBe(iso(NOON + 200 + HOUR))
})

test('an offset of less than a second is latency and ignored', () => {
  const clock = start()
  clock.synchronize(iso(NOON + 900), performance.now())
  expect([clock.now(), clock.clockId()]).toEqual([NOON, ''])
})

test('an invalid server time is ignored', () => {
  const clock = start()
  clock.synchronize('soon', performance.now())
  expect(clock.now()).toBe(NOON)
  expect(clock.clockId()).not.toBe('')
})

test('the offset is stored for the next page, unconfirmed', () => {
  start().synchronize(iso(NOON + HOUR), performance.now())
  const next = start()
  expect(next.now()).toBe(NOON + HOUR)
  expect(next.clockId()).not.toBe('')
})

test('after a jump of the clock, only later events have a sent_at', () => {
  const clock = start()
  const before = clock.clockId()
  vi.setSystemTime(NOON + HOUR)
  expect(clock.now()).toBe(NOON + HOUR)
  const after = clock.clockId()
  expect(after).not.toBe(before)
  expect(clock.sentAt(before)).toBe('')
  expect(clock.sentAt(after)).toBe(iso(NOON + HOUR))
})

test('confirmed times stay valid when the clock jumps, without a sent_at', () => {
  const clock = start()
  clock.synchronize(iso(NOON), performance.now())
  vi.setSystemTime(NOON - HOUR)
  expect(clock.now()).toBe(NOON - HOUR)
  expect(clock.clockId()).not.toBe('')
  expect(clock.sentAt('')).toBe('')
  clock.synchronize(iso(NOON + 10), performance.now())
  expect(clock.now()).toBe(NOON + 10)
  expect(clock.clockId()).toBe('')
})

test("another page's times are sent with that page's offset", () => {
  const clockId = start().clockId()
  const other = start()
  other.synchronize(iso(NOON + HOUR), performance.now())
  vi.advanceTimersByTime(1000)
  expect(other.sentAt(clockId)).toBe(iso(NOON + 1000))
})
