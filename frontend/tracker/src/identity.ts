import type { LocalStorage } from './local-storage'

const KEY = 's'

let lastMs = 0
let counter = 0
let tail = ''

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0')

/**
 * Returns a UUIDv7 for this time, greater than all earlier ones of the page (RFC 9562, section 6.2,
 * method 1). The random part is unique per page; the counter orders the events of one page.
 */
export function uuid7(ms: number): string {
  if (!tail) {
    const random = new Uint8Array(8).map(() => Math.random() * 256)
    // Only secure contexts and workers are certain to have it.
    globalThis.crypto?.getRandomValues?.(random)
    random[0] = ((random[0] as number) & 0x3f) | 0x80
    tail = Array.from(random, (byte) => hex(byte, 2)).join('')
  }
  if (Math.floor(ms) > lastMs) {
    lastMs = Math.floor(ms)
    counter = 0
  } else if (++counter > 0xfff) {
    lastMs++
    counter = 0
  }
  const time = hex(lastMs, 12)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(counter, 3)}-${tail.slice(0, 4)}-${tail.slice(4)}`
}

export function deviceType(): 'desktop' | 'mobile' | 'tablet' {
  const agent = navigator.userAgent
  // An iPad reports itself as a Mac, but has a touch screen.
  const touchMac = /Macintosh/.test(agent) && navigator.maxTouchPoints > 1
  if (touchMac || /iPad|Tablet|Android(?!.*Mobile)/.test(agent)) return 'tablet'
  return /Mobi/.test(agent) ? 'mobile' : 'desktop'
}

/** One user's session across all tabs, until the timeout: its id and its number of events. */
export function createSession(storage: LocalStorage, timeoutMs: number) {
  let id = ''
  let count = 0
  let lastAt = 0
  let user = ''

  const session = {
    id: () => id,
    /** Takes over the state that another tab or the previous page stored. */
    read(text = storage.get(KEY)) {
      if (!text) return
      const [storedId = '', storedCount, storedLastAt, storedUser] = text.split(' ')
      // The count never decreases: a killed page may have stored less than it counted.
      if (storedId === id && Number(storedCount) < count) return
      id = storedId
      count = Number(storedCount) || 0
      lastAt = Number(storedLastAt) || 0
      user = storedUser ?? ''
    },
    save: () => id && storage.set(KEY, [id, count, lastAt, user].join(' ')),
    /** Counts an event (or none) and returns the count; starts a session for a new user. */
    next(nextUser: string, now: number, events: 0 | 1): number {
      if (user !== nextUser || now - lastAt >= timeoutMs) {
        id = uuid7(now)
        count = 0
        user = nextUser
        lastAt = now
      }
      if (events) lastAt = Math.floor(now)
      count += events
      return count
    },
    /** Raises the count to the number of a stored event of this session. */
    atLeast(envelope: string, number: number) {
      if (id && envelope.includes(id) && number > count) count = number
    },
  }
  session.read()
  return session
}

export type Session = ReturnType<typeof createSession>
