import type { Store } from './store'

let lastMs = 0
let counter = 0

/** A UUIDv7 of this moment; later ones of the page are greater (RFC 9562, 6.2, method 1). */
export function uuid7(ms: number): string {
  const random = crypto.getRandomValues(new Uint8Array(10))
  if (Math.floor(ms) > lastMs) {
    lastMs = Math.floor(ms)
    counter = ((random[8] as number) << 3) | ((random[9] as number) & 7)
  } else if (++counter > 0xfff) {
    lastMs++
    counter = 0
  }
  random[0] = ((random[0] as number) & 0x3f) | 0x80
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0')
  const time = hex(lastMs, 12)
  const tail = Array.from(random.subarray(0, 8), (byte) => hex(byte, 2)).join('')
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
  let kept = ''

  const session = {
    id: '',
    /** Counts an event, or none; begins a session where there is none of this user's. */
    next(user: string, now: number, events: 0 | 1): number {
      const [id = '', count = 0, last = 0, whose] = (store.get('s') ?? kept).split(' ')
      const goes_on = whose === user && now - Number(last) < timeoutMs
      const number = (goes_on ? Number(count) : 0) + events
      session.id = goes_on ? id : uuid7(now)
      kept = `${session.id} ${number} ${Math.floor(events || !goes_on ? now : Number(last))} ${user}`
      store.set('s', kept)
      return number
    },
    /** An event of this session is stored that has this number: what counted it may be lost. */
    atLeast(envelope: string, number: number) {
      const [id, count, ...rest] = (store.get('s') ?? kept).split(' ')
      if (id && envelope.includes(id) && number > Number(count)) {
        kept = [id, number, ...rest].join(' ')
        store.set('s', kept)
      }
    },
  }
  return session
}

export type Session = ReturnType<typeof createSession>
