import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createClock } from '../src/clock'
import { createStore } from '../src/store'

const NOON = Date.parse('2026-11-20T12:00:00.000Z')
const HOUR = 3_600_000
const iso = (ms: number) => new Date(ms).toISOString()
const start = () => createClock(createStore('test'))

beforeEach(() => {
  localStorage.clear()
  vi.useFakeTimers({ now: NOON, toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout'] })
})
afterEach(() => vi.useRealTimers())

test('before the server has spoken, it is the computer that is believed, and says so', () => {
  const clock = start()
  expect(clock.now()).toBe(NOON)
  const mark = clock.mark()
  expect(mark).not.toBe('')
  vi.advanceTimersByTime(5000)
  expect(clock.sentAt(mark)).toBe(iso(NOON + 5000))
})

test("the server's time is learned, and needs no correction afterwards", () => {
  const clock = start()
  const startedAt = performance.now()
  vi.advanceTimersByTime(200)
  clock.learn(iso(NOON + 100 + HOUR), startedAt)
  expect(clock.now()).toBe(NOON + 200 + HOUR)
  expect(clock.mark()).toBe('')
  expect(clock.sentAt('')).toBe(iso(NOON + 200 + HOUR))
})

test('less than a second is the network, and changes nothing', () => {
  const clock = start()
  clock.learn(iso(NOON + 900), performance.now())
  expect([clock.now(), clock.mark()]).toEqual([NOON, ''])
})

test('nonsense teaches nothing', () => {
  const clock = start()
  clock.learn('soon', performance.now())
  expect(clock.now()).toBe(NOON)
  expect(clock.mark()).not.toBe('')
})

test('what was learned is known to the next page, which confirms it first', () => {
  start().learn(iso(NOON + HOUR), performance.now())
  const next = start()
  expect(next.now()).toBe(NOON + HOUR)
  expect(next.mark()).not.toBe('')
})

test('events of before a jump are sent as they are; those after it with the time they speak', () => {
  const clock = start()
  const before = clock.mark()
  vi.setSystemTime(NOON + HOUR)
  expect(clock.now()).toBe(NOON + HOUR)
  const after = clock.mark()
  expect(after).not.toBe(before)
  expect(clock.sentAt(before)).toBe('')
  expect(clock.sentAt(after)).toBe(iso(NOON + HOUR))
})

test('confirmed times stay right when the clock jumps; they need no sent_at then', () => {
  const clock = start()
  clock.learn(iso(NOON), performance.now())
  vi.setSystemTime(NOON - HOUR)
  expect(clock.now()).toBe(NOON - HOUR)
  expect(clock.mark()).not.toBe('')
  expect(clock.sentAt('')).toBe('')
  clock.learn(iso(NOON + 10), performance.now())
  expect(clock.now()).toBe(NOON + 10)
  expect(clock.mark()).toBe('')
})

test("another page's times are sent by the offset that it had", () => {
  const mark = start().mark()
  const other = start()
  other.learn(iso(NOON + HOUR), performance.now())
  vi.advanceTimersByTime(1000)
  expect(other.sentAt(mark)).toBe(iso(NOON + 1000))
})
