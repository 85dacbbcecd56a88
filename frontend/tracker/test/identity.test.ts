import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createSession, deviceType, uuid7 } from '../src/identity'
import { createLocalStorage } from '../src/local-storage'

const NOON = Date.parse('2026-11-20T12:00:00.000Z')
const MINUTE = 60_000

describe('uuid7', () => {
  test('contains version, variant and timestamp', () => {
    const id = uuid7(NOON + 0.75)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)).toBe(NOON)
  })

  test('increases within a millisecond and when the clock goes back', () => {
    const ids = Array.from({ length: 20_000 }, (_, n) => uuid7(NOON + 1 + (n % 7) / 10 - n / 1000))
    expect(ids).toEqual([...ids].sort())
    expect(new Set(ids).size).toBe(ids.length)
  })
})

describe('device type', () => {
  const MAC = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605 Safari/605'
  test.each([
    ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537 Chrome/156 Safari/537', 0, 'desktop'],
    [MAC, 0, 'desktop'],
    [MAC, 5, 'tablet'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148', 5, 'mobile'],
    ['Mozilla/5.0 (iPad; CPU OS 12_0 like Mac OS X) Mobile/15E148', 5, 'tablet'],
    ['Mozilla/5.0 (Linux; Android 16; Pixel 9) Chrome/156 Mobile Safari/537', 5, 'mobile'],
    ['Mozilla/5.0 (Linux; Android 16; SM-X910) Chrome/156 Safari/537', 5, 'tablet'],
    ['Mozilla/5.0 (Android 16; Mobile; rv:150.0) Gecko/150.0 Firefox/150.0', 5, 'mobile'],
    ['Mozilla/5.0 (Android 16; Tablet; rv:150.0) Gecko/150.0 Firefox/150.0', 5, 'tablet'],
  ])('%s (%i touch points) is %s', (userAgent, maxTouchPoints, expected) => {
    vi.stubGlobal('navigator', { userAgent, maxTouchPoints })
    expect(deviceType()).toBe(expected)
  })
  afterEach(() => vi.unstubAllGlobals())
})

describe('session', () => {
  const start = () => createSession(createLocalStorage('test'), 30 * MINUTE)
  beforeEach(() => localStorage.clear())

  test('counts events across pages', () => {
    const first = start()
    expect([1, 2, 3].map((minute) => first.next('ada', minute * MINUTE, 1))).toEqual([1, 2, 3])
    first.save()
    const second = start()
    expect(second.next('ada', 4 * MINUTE, 1)).toBe(4)
    expect(second.id()).toBe(first.id())
  })

  test("takes over another tab's count, but never a smaller one", () => {
    const first = start()
    first.next('ada', 0, 1)
    const text = (count: number) => `${first.id()} ${count} 5 ada`
    first.read(text(7))
    expect(first.next('ada', 10, 1)).toBe(8)
    first.read(text(3))
    first.read('')
    expect(first.next('ada', 11, 1)).toBe(9)
    first.read('another-id 2 12 ada')
    expect([first.next('ada', 13, 1), first.id()]).toEqual([3, 'another-id'])
  })

  test('ends after exactly half an hour without an event', () => {
    const session = start()
    session.next('ada', 0, 1)
    const id = session.id()
    expect(session.next('ada', 30 * MINUTE - 1, 1)).toBe(2)
    expect(session.id()).toBe(id)
    expect(session.next('ada', 60 * MINUTE - 1, 1)).toBe(1)
    expect(session.id()).not.toBe(id)
  })

  test('next() without an event neither counts nor extends the session', () => {
    const session = start()
    session.next('ada', 0, 1)
    const id = session.id()
    expect(session.next('ada', 20 * MINUTE, 0)).toBe(1)
    session.next('ada', 31 * MINUTE, 1)
    expect(session.id()).not.toBe(id)
  })

  test('belongs to one user', () => {
    const session = start()
    session.next('ada', 0, 1)
    const id = session.id()
    expect(session.next('bob', 1, 1)).toBe(1)
    expect(session.id()).not.toBe(id)
  })

  test('continues the count from stored events', () => {
    const session = start()
    session.next('ada', 0, 1)
    session.atLeast(`"session_id":"${session.id()}"`, 7)
    session.atLeast('"session_id":"another"', 99)
    session.atLeast(`"session_id":"${session.id()}"`, 3)
    expect(session.next('ada', 1, 1)).toBe(8)
  })

  test('works without storage', () => {
    vi.stubGlobal('localStorage', undefined)
    const session = start()
    expect([session.next('ada', 0, 1), session.next('ada', 1, 1)]).toEqual([1, 2])
    vi.unstubAllGlobals()
  })
})
