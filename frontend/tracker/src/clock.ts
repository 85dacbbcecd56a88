import type { LocalStorage } from './local-storage'

/** A larger jump means that the computer slept or that its clock was set. */
const DRIFT_MAX_MS = 2000
/** A smaller offset is network latency, not a wrong clock. */
const OFFSET_MIN_MS = 1000

/** Milliseconds of a clock that never goes back, where the browser has one. */
export const ticks = (): number => globalThis.performance?.now?.() ?? Date.now()

export interface Clock {
  /** Milliseconds since the epoch, corrected by the last known server time. */
  now(): number
  /** Identifies the clock that `now` reads; empty once the server has confirmed it. */
  clockId(): string
  /** The `sent_at` of events stamped by this clock; empty if they need no correction. */
  sentAt(clockId: string): string
  /** Corrects the clock by a server time read between `startedAt` (performance.now) and now. */
  synchronize(serverTime: string, startedAt: number): void
}

/**
 * A monotonic clock that is independent of changes to the computer's clock.
 *
 * Times that the server has confirmed are sent unchanged. Other times are sent with a `sent_at` of
 * the same clock, so that the server can correct them. If that clock has jumped since (sleep, or a
 * new system time), no correction is possible and the original time is sent.
 */
export function createClock(storage: LocalStorage): Clock {
  const page = Math.random().toString(36).slice(2, 8)
  let base = Date.now() - ticks()
  let offset = Number(storage.get('c')) || 0
  let epoch = 0
  let confirmed = false

  const monotonic = () => {
    const drift = Date.now() - ticks() - base
    if (Math.abs(drift) > DRIFT_MAX_MS) {
      base += drift
      epoch++
      confirmed = false
    }
    return base + ticks()
  }
  const now = () => monotonic() + offset

  return {
    now,
    clockId: () => (confirmed ? '' : `${page}${epoch} ${offset}`),
    sentAt(clockId) {
      const [clock, clockOffset] = clockId.split(' ')
      const at = monotonic()
      if (!clockId ? !confirmed : clock !== page + epoch && clock?.startsWith(page)) return ''
      return new Date(at + (clockId ? Number(clockOffset) : offset)).toISOString()
    },
    synchronize(serverTime, startedAt) {
      const at = monotonic() - (ticks() - startedAt) / 2
      const measured = Date.parse(serverTime) - at
      if (!Number.isFinite(measured)) return
      if (Math.abs(measured - offset) > OFFSET_MIN_MS) {
        offset = Math.round(measured)
        storage.set('c', String(offset))
      }
      confirmed = true
    },
  }
}
