import type { Store } from './store'

/** Past this, the computer slept or somebody set its clock. */
const DRIFT_MAX_MS = 2000
/** Less than this is the network's delay, not a wrong clock. */
const OFFSET_MIN_MS = 1000

export interface Clock {
  /** Milliseconds since the epoch, by the server's clock as far as it is known. */
  now(): number
  /** By which clock `now` speaks; empty once the server has confirmed it. */
  mark(): string
  /** The `sent_at` of events that have this mark; empty where they need no correction. */
  sentAt(mark: string): string
  /** The server said that it was this time, between `startedAt` (performance.now) and now. */
  learn(serverTime: string, startedAt: number): void
}

/**
 * A clock that goes on evenly while the page lives, whatever becomes of the computer's.
 *
 * Times that the server has confirmed are right, and are sent as they are. Others are sent with a
 * `sent_at` of the same clock, by which the server corrects them; unless that clock has jumped since
 * (a sleep, or somebody set it): then the time that was read before is the best there is.
 */
export function createClock(store: Store): Clock {
  const page = Math.random().toString(36).slice(2, 8)
  let base = Date.now() - performance.now()
  let offset = Number(store.get('c')) || 0
  let epoch = 0
  let confirmed = false

  const monotonic = () => {
    const drift = Date.now() - performance.now() - base
    if (Math.abs(drift) > DRIFT_MAX_MS) {
      base += drift
      epoch++
      confirmed = false
    }
    return base + performance.now()
  }
  const now = () => monotonic() + offset

  return {
    now,
    mark: () => (confirmed ? '' : `${page}${epoch} ${offset}`),
    sentAt(mark) {
      const [clock, itsOffset] = mark.split(' ')
      const at = monotonic()
      if (!mark ? !confirmed : clock !== page + epoch && clock?.startsWith(page)) return ''
      return new Date(at + (mark ? Number(itsOffset) : offset)).toISOString()
    },
    learn(serverTime, startedAt) {
      const at = monotonic() - (performance.now() - startedAt) / 2
      const learned = Date.parse(serverTime) - at
      if (!Number.isFinite(learned)) return
      if (Math.abs(learned - offset) > OFFSET_MIN_MS) {
        offset = Math.round(learned)
        store.set('c', String(offset))
      }
      confirmed = true
    },
  }
}
