import type { Store } from './store'

const KEY = 's'

let lastMs = 0
let counter = 0
let tail = ''

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0')

/**
 * A UUIDv7 of this moment; later ones of the page are greater (RFC 9562, 6.2, method 1). Its random
 * part tells pages apart, the counter the events of one.
 */
export function uuid7(ms: number): string {
  if (!tail) {
    const random = crypto.getRandomValues(new Uint8Array(8))
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
  // An iPad says that it is a Mac, but has a touch screen.
  const touchMac = /Macintosh/.test(agent) && navigator.maxTouchPoints > 1
  if (touchMac || /iPad|Tablet|Android(?!.*Mobile)/.test(agent)) return 'tablet'
  return /Mobi/.test(agent) ? 'mobile' : 'desktop'
}

/** A person's way through all tabs, until they pause: its id, and how many events it has had. */
export function createSession(store: Store, timeoutMs: number) {
  let id = ''
  let count = 0
  let lastAt = 0
  let whose = ''

  const session = {
    id: () => id,
    /** As another tab, or the page before, has left it. */
    read(text = store.get(KEY)) {
      if (!text) return
      const [itsId = '', itsCount, itsLastAt, its] = text.split(' ')
      // Nobody counts backwards: a page that was killed may have written less than it did.
      if (itsId === id && Number(itsCount) < count) return
      id = itsId
      count = Number(itsCount) || 0
      lastAt = Number(itsLastAt) || 0
      whose = its ?? ''
    },
    save: () => id && store.set(KEY, [id, count, lastAt, whose].join(' ')),
    /** Counts an event, or none; begins a session where there is none of this user's. */
    next(user: string, now: number, events: 0 | 1): number {
      if (whose !== user || now - lastAt >= timeoutMs) {
        id = uuid7(now)
        count = 0
        whose = user
        lastAt = now
      }
      if (events) lastAt = Math.floor(now)
      count += events
      return count
    },
    /** An event of this session is stored that has this number. */
    atLeast(envelope: string, number: number) {
      if (id && envelope.includes(id) && number > count) count = number
    },
  }
  session.read()
  return session
}

export type Session = ReturnType<typeof createSession>
