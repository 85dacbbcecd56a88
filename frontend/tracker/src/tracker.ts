import { createClock } from './clock'
import { createDelivery, endpointOf, requestOf } from './delivery'
import { createSession, deviceType, uuid7 } from './identity'
import { createJournal } from './journal'
import { createLocalStorage } from './local-storage'
import type { TrackedEvent, Tracker, TrackerOptions, TrackerStatus, TrackOptions } from './types'

const DAY_MS = 86_400_000
/** Storage keys. The opt-out state: `out`, or `out?` and `in?` until the server has confirmed it. */
const OPT_OUT_KEY = 'o'
const FLUSH_KEY = 'f'
const LOST_KEY = 'l'
const PENDING_MAX = 1000
const EVENT_MAX_BYTES = 1000
const FLUSH_WAIT_MS = 10_000
const DROPPED = 'tracker_events_dropped'

const isOptedOut = (optOutState: string | null) => !!optOutState?.startsWith('out')

/**
 * Records the events of this page's user. Each event is stored in the browser before `track`
 * returns, and deleted when the server has acknowledged it.
 */
export function createTracker(given: TrackerOptions = {}): Tracker {
  // One object, which `configure` changes in place.
  const options = { ...given }
  const isBrowser = typeof document !== 'undefined'
  const locks = isBrowser ? navigator.locks : undefined
  const storage = createLocalStorage(options.namespace ?? 'activity')
  const clock = createClock(storage)
  const journal = createJournal(storage)
  const session = createSession(storage, (options.sessionTimeoutMinutes ?? 30) * 60_000)
  const device = isBrowser ? deviceType() : 'desktop'
  const listeners = new Set<() => void>()
  const listening = new AbortController()
  // Events tracked before the user is known.
  let pending: [event: TrackedEvent, at: number, clockId: string][] = []
  let user = options.userEmail
  let snapshot: TrackerStatus | undefined
  let isTicking = false
  let isPersisting = false
  let isUrgent = false
  let release = () => {}
  let isCandidate = false
  // Dropped events not yet reported to the server.
  let unreported = Number(storage.get(LOST_KEY)) || 0

  const canSend = (entry: { envelope: string }) =>
    !options.getToken || entry.envelope.startsWith(userField())
  const userField = () => `"user_email":${JSON.stringify(user)},`

  /** Writes to IndexedDB, which survives a killed browser, outside of the tracking call. */
  const persist = () => {
    isPersisting = false
    if (delivery.closed) return
    journal.commit()
    session.save()
    evict()
  }

  /** Notifies listeners and schedules follow-up work, once per task. */
  const changed = () => {
    snapshot = undefined
    if (isTicking || !isBrowser) return
    isTicking = true
    queueMicrotask(() => {
      isTicking = false
      // Browsers may throttle the timers of a hidden page to one per minute.
      if (document.hidden) persist()
      else if (!isPersisting) setTimeout(persist)
      isPersisting = !document.hidden
      delivery.wake(isUrgent)
      isUrgent = false
      for (const listener of listeners) listener()
    })
  }

  const delivery = createDelivery(options, storage, clock, journal, canSend, changed)
  const { state } = delivery

  const evict = () => {
    const bytesMax = options.maxQueueBytes ?? 2e6
    const oldest = clock.now() - (options.maxAgeDays ?? 30) * DAY_MS
    for (;;) {
      const entry = journal.oldestOverLimit(oldest, bytesMax, state.isSender)
      if (!entry) break
      journal.remove(entry)
      state.dropped++
      if (!entry.event.includes(DROPPED)) storage.set(LOST_KEY, String(++unreported))
    }
    // Only if the report itself fits.
    if (unreported && user && journal.chars() + EVENT_MAX_BYTES < bytesMax) {
      track(DROPPED, { metadata: { count: unreported } })
      unreported = 0
      storage.remove(LOST_KEY)
    }
  }

  const track: Tracker['track'] = (type, details) => {
    if (delivery.closed) return undefined
    try {
      const event = { ...details, type } as TrackedEvent
      const sanitized = options.sanitize ? options.sanitize(event) : event
      const at = clock.now()
      if (!sanitized || user === null) return undefined
      if (user) return append(sanitized, at, clock.clockId())
      pending = [...pending, [sanitized, at, clock.clockId()] as (typeof pending)[0]].slice(
        -PENDING_MAX,
      )
    } catch (error) {
      state.dropped++
      state.lastError = { status: 0, code: 'not_recorded', message: String(error) }
      changed()
    }
    return undefined
  }

  const append = (event: TrackedEvent, at: number, clockId: string) => {
    const id = uuid7(at)
    const sequence = session.next(user as string, at, 1)
    const envelope = `${userField()}"session_id":"${session.id()}","device_type":"${device}"`
    journal.add(
      id,
      clockId,
      envelope,
      JSON.stringify({
        session_seq: sequence,
        event_id: id,
        event_type: event.type,
        event_timestamp: new Date(at).toISOString(),
        entity_type: event.entityType,
        entity_id: event.entityId,
        metadata: event.metadata,
        duration_ms: event.durationMs,
        context_snapshot: event.contextSnapshot,
      }),
    )
    isUrgent ||= !!event.immediate
    if (event.immediate && !state.isSender) requestFlush()
    changed()
    return id
  }

  /** Asks the sending tab to send immediately. */
  const requestFlush = () => {
    storage.set(FLUSH_KEY, '1')
    storage.remove(FLUSH_KEY)
  }

  /** Leader election: one tab sends for all; another takes over when it closes. */
  const elect = () => {
    if (isCandidate || delivery.closed) return
    isCandidate = true
    session.read()
    let isWithdrawn = false
    const lead = () =>
      new Promise<void>((resolve) => {
        if (isWithdrawn) return resolve()
        state.isSender = true
        release = () => {
          isCandidate = false
          delivery.stepDown()
          resolve()
          changed()
        }
        journal.load().then(() => {
          for (const entry of journal.all()) {
            session.atLeast(entry.envelope, Number(/"session_seq":(\d+)/.exec(entry.event)?.[1]))
          }
          changed()
        })
        changed()
      })
    release = () => {
      isCandidate = false
      isWithdrawn = true
    }
    if (locks) locks.request(`${storage.prefix}sender`, lead).catch(lead)
    else lead()
  }

  const flushOnExit = () => {
    persist()
    delivery.flushOnExit()
  }

  const suspend = () => {
    flushOnExit()
    release()
  }

  const stop = () => {
    delivery.abort()
    pending = []
    journal.purge(OPT_OUT_KEY)
    release()
    changed()
  }

  const start = () => {
    if (!delivery.closed || !isAllowed()) return
    delivery.closed = false
    journal.open()
    if (user) session.next(user, clock.now(), 0)
    elect()
    changed()
  }

  const unconfirmed = (optOut: boolean) => (optOut ? 'out?' : 'in?')

  /** Reports the opt-out; the server accepts it with a user token, and in local mode. */
  const reportOptOut = async (optOut: boolean) => {
    try {
      const { key, getToken } = options
      if (!user || (key && !getToken)) return false
      const { ok } = await fetch(
        `${endpointOf(options)}/api/privacy/opt-out?user_email=${encodeURIComponent(user)}`,
        requestOf('PUT', JSON.stringify({ analytics: optOut }), await getToken?.()),
      )
      // Unless the state has changed in the meantime.
      if (ok && storage.get(OPT_OUT_KEY) === unconfirmed(optOut))
        optOut ? storage.set(OPT_OUT_KEY, 'out') : storage.remove(OPT_OUT_KEY)
      return ok
    } catch {
      return false
    }
  }

  /** Repeats a report that the server has not confirmed. */
  const retryOptOut = () => {
    const optOutState = storage.get(OPT_OUT_KEY)
    if (optOutState?.endsWith('?')) reportOptOut(isOptedOut(optOutState))
  }

  const on = (target: EventTarget, type: string, listener: (event: never) => void) =>
    target.addEventListener(type, listener as EventListener, { signal: listening.signal })

  const listen = () => {
    on(document, 'visibilitychange', () => {
      if (document.hidden) flushOnExit()
      else delivery.wake(false)
    })
    on(window, 'pagehide', suspend)
    on(document, 'freeze', suspend)
    on(document, 'resume', elect)
    on(window, 'pageshow', (event: PageTransitionEvent) => event.persisted && elect())
    on(window, 'online', () => {
      delivery.online()
      changed()
    })
    on(window, 'offline', changed)
    on(window, 'storage', ({ key: name, newValue }: StorageEvent) => {
      if (!name?.startsWith(storage.prefix)) return
      const ownKey = name.slice(storage.prefix.length)
      if (ownKey === OPT_OUT_KEY) isOptedOut(newValue) ? stop() : start()
      else if (ownKey === 's') session.read(newValue ?? '')
      else if (ownKey === FLUSH_KEY) state.isSender && delivery.wake(true)
      else if (!delivery.closed && (locks || !newValue) && journal.applyChange(ownKey, newValue)) {
        // The timers of a hidden tab may be throttled: the visible tab takes over.
        if (document.hidden && state.isSender && !state.inFlight) {
          release()
          elect()
        }
      }
      changed()
    })
  }

  const tracker: Tracker = {
    track,
    trackBatch: (events) => events.map(({ type, options }) => track(type, options)),
    trackPageView: (page, metadata) =>
      track('page_viewed', { metadata: { page, ...metadata } } as TrackOptions),
    trackTimed(type, options) {
      const startedAt = performance.now()
      let isFinished = false
      return {
        complete(metadata) {
          if (isFinished) return undefined
          isFinished = true
          const durationMs = Math.round(performance.now() - startedAt)
          const merged = { ...(options?.metadata as object), ...metadata }
          return track(type, { ...options, metadata: merged, durationMs } as TrackOptions<
            typeof type
          >)
        },
        cancel() {
          isFinished = true
        },
      }
    },
    flush() {
      if (!state.isSender) requestFlush()
      delivery.wake(true)
      return new Promise((resolve) => {
        const done = () => {
          unsubscribe()
          resolve(!journal.size())
        }
        setTimeout(done, FLUSH_WAIT_MS)
        const unsubscribe = tracker.subscribe(() => {
          if (!journal.size() || delivery.isBackingOff()) done()
        })
        changed()
      })
    },
    identify(email) {
      if (email === user) return
      user = email
      delivery.token = undefined
      retryOptOut()
      if (user && !delivery.closed) {
        session.next(user, clock.now(), 0)
        for (const entry of pending) append(...entry)
      }
      pending = []
      changed()
    },
    optOut() {
      storage.set(OPT_OUT_KEY, unconfirmed(true))
      stop()
      return reportOptOut(true)
    },
    optIn() {
      storage.set(OPT_OUT_KEY, unconfirmed(false))
      start()
      return reportOptOut(false)
    },
    status: () =>
      (snapshot ??= {
        ...state,
        queueSize: journal.size() + pending.length,
        online: isBrowser && navigator.onLine,
        storage: journal.storage(),
        sessionId: session.id(),
        enabled: !delivery.closed,
      }),
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    configure(changes) {
      Object.assign(options, changes)
      delivery.wake(false)
      changed()
    },
    shutdown() {
      suspend()
      listening.abort()
      delivery.close()
      changed()
    },
  }

  const isAllowed = () => {
    const signals = navigator as Navigator & { globalPrivacyControl?: boolean }
    const isSignalled = signals.globalPrivacyControl || signals.doNotTrack === '1'
    return !isSignalled || options.respectPrivacySignals === false
  }

  delivery.closed = true
  if (!isBrowser) return tracker
  if (!isAllowed()) stop()
  else {
    listen()
    if (!isOptedOut(storage.get(OPT_OUT_KEY))) start()
    retryOptOut()
  }
  return tracker
}
