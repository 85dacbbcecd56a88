import { createClock } from './clock'
import { createDelivery, endpointOf, requestOf } from './delivery'
import { createSession, deviceType, uuid7 } from './identity'
import { createJournal } from './journal'
import { createStore } from './store'
import type { TrackedEvent, Tracker, TrackerOptions, TrackerStatus, TrackOptions } from './types'

const DAY_MS = 86_400_000
const HELD_MAX = 1000
/** Keys of the store. What the user wants: `out`, `out?` and `in?`, which the server must yet learn. */
const WISH = 'o'
const FLUSH = 'f'
const LOST = 'l'
const ROOM_BYTES = 1000
const FLUSH_WAIT_MS = 10_000
const DROPPED = 'tracker_events_dropped'

const isOut = (wish: string | null) => !!wish?.startsWith('out')

/**
 * Records what the user of this page does. Each event is kept in the browser before `track`
 * returns, and forgotten when the server has said what became of it.
 */
export function createTracker(options: TrackerOptions = {}): Tracker {
  const { getToken, key, sanitize } = options
  const isBrowser = typeof document !== 'undefined'
  const locks = isBrowser ? navigator.locks : undefined
  const store = createStore(options.namespace ?? 'activity')
  const clock = createClock(store)
  const journal = createJournal(store)
  const session = createSession(store, (options.sessionTimeoutMinutes ?? 30) * 60_000)
  const device = isBrowser ? deviceType() : 'desktop'
  const listeners = new Set<() => void>()
  const listening = new AbortController()
  // Events from before it is known who acts.
  let held: [event: TrackedEvent, at: number, mark: string][] = []
  let user = options.userEmail
  let snapshot: TrackerStatus | undefined
  let isTicking = false
  let isPersisting = false
  let isUrgent = false
  let release = () => {}
  let isCandidate = false
  // Events given up that the server was not told of yet.
  let lost = Number(store.get(LOST)) || 0

  const isOurs = (entry: { envelope: string }) => !getToken || entry.envelope.startsWith(whose())
  const whose = () => `"user_email":${JSON.stringify(user)},`

  /** What survives a killed browser, and needs not hold up what the user does. */
  const persist = () => {
    isPersisting = false
    if (delivery.closed) return
    journal.commit()
    session.save()
    evict()
  }

  /** What changed is told, and what is to be done is done, once for all of a task. */
  const changed = () => {
    snapshot = undefined
    if (isTicking || !isBrowser) return
    isTicking = true
    queueMicrotask(() => {
      isTicking = false
      // A hidden page's timers may run once a minute.
      if (document.hidden) persist()
      else if (!isPersisting) setTimeout(persist)
      isPersisting = !document.hidden
      delivery.wake(isUrgent)
      isUrgent = false
      for (const listener of listeners) listener()
    })
  }

  const delivery = createDelivery(options, store, clock, journal, isOurs, changed)
  const { state } = delivery

  const evict = () => {
    const bytesMax = options.maxQueueBytes ?? 2e6
    const oldest = clock.now() - (options.maxAgeDays ?? 30) * DAY_MS
    for (;;) {
      const entry = journal.surplus(oldest, bytesMax, state.isSender)
      if (!entry) break
      journal.remove(entry)
      state.dropped++
      if (!entry.event.includes(DROPPED)) store.set(LOST, String(++lost))
    }
    // Not when it would be one too many itself.
    if (lost && user && journal.chars() + ROOM_BYTES < bytesMax) {
      track(DROPPED, { metadata: { count: lost } })
      lost = 0
      store.remove(LOST)
    }
  }

  const track: Tracker['track'] = (type, options) => {
    if (delivery.closed) return undefined
    try {
      const event = { ...options, type } as TrackedEvent
      const kept = sanitize ? sanitize(event) : event
      const at = clock.now()
      if (!kept || user === null) return undefined
      if (user) return keep(kept, at, clock.mark())
      held = [...held, [kept, at, clock.mark()] as (typeof held)[0]].slice(-HELD_MAX)
    } catch (error) {
      state.dropped++
      state.lastError = { status: 0, code: 'not_recorded', message: String(error) }
      changed()
    }
    return undefined
  }

  const keep = (event: TrackedEvent, at: number, mark: string) => {
    const id = uuid7(at)
    const number = session.next(user as string, at, 1)
    const envelope = `${whose()}"session_id":"${session.id()}","device_type":"${device}"`
    journal.add(
      id,
      mark,
      envelope,
      JSON.stringify({
        session_seq: number,
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
    if (event.immediate && !state.isSender) signal()
    changed()
    return id
  }

  /** Asks the tab that sends to do it now. */
  const signal = () => {
    store.set(FLUSH, '1')
    store.remove(FLUSH)
  }

  /** One tab sends for all; the others stand by, and take over when it goes. */
  const elect = () => {
    if (isCandidate || delivery.closed) return
    isCandidate = true
    session.read()
    let isOver = false
    const lead = () =>
      new Promise<void>((resolve) => {
        if (isOver) return resolve()
        state.isSender = true
        release = () => {
          isCandidate = false
          delivery.retire()
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
      isOver = true
    }
    if (locks) locks.request(`${store.prefix}sender`, lead).catch(lead)
    else lead()
  }

  const leave = () => {
    persist()
    delivery.leave()
  }

  const withdraw = () => {
    leave()
    release()
  }

  const stop = () => {
    delivery.abort()
    held = []
    journal.purge(WISH)
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

  const wishOf = (isOut: boolean) => (isOut ? 'out?' : 'in?')

  /** Tells the server, which believes a user's token, and in local mode everybody. */
  const tell = async (isOut: boolean) => {
    try {
      if (!user || (key && !getToken)) return false
      const { ok } = await fetch(
        `${endpointOf(options)}/api/privacy/opt-out?user_email=${encodeURIComponent(user)}`,
        requestOf('PUT', JSON.stringify({ analytics: isOut }), await getToken?.()),
      )
      // Unless they changed their mind meanwhile.
      if (ok && store.get(WISH) === wishOf(isOut))
        isOut ? store.set(WISH, 'out') : store.remove(WISH)
      return ok
    } catch {
      return false
    }
  }

  /** What the server could not be told at the time. */
  const remind = () => {
    const wish = store.get(WISH)
    if (wish?.endsWith('?')) tell(isOut(wish))
  }

  const on = (target: EventTarget, type: string, listener: (event: never) => void) =>
    target.addEventListener(type, listener as EventListener, { signal: listening.signal })

  const listen = () => {
    on(document, 'visibilitychange', () => {
      if (document.hidden) leave()
      else delivery.wake(false)
    })
    on(window, 'pagehide', withdraw)
    on(document, 'freeze', withdraw)
    on(document, 'resume', elect)
    on(window, 'pageshow', (event: PageTransitionEvent) => event.persisted && elect())
    on(window, 'online', () => {
      delivery.online()
      changed()
    })
    on(window, 'offline', changed)
    on(window, 'storage', ({ key: name, newValue }: StorageEvent) => {
      if (!name?.startsWith(store.prefix)) return
      const own = name.slice(store.prefix.length)
      if (own === WISH) isOut(newValue) ? stop() : start()
      else if (own === 's') session.read(newValue ?? '')
      else if (own === FLUSH) state.isSender && delivery.wake(true)
      else if (!delivery.closed && (locks || !newValue) && journal.follow(own, newValue)) {
        // A hidden tab's timers may run once a minute: the one in front takes over.
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
      let isOver = false
      return {
        complete(metadata) {
          if (isOver) return undefined
          isOver = true
          const durationMs = Math.round(performance.now() - startedAt)
          const merged = { ...(options?.metadata as object), ...metadata }
          return track(type, { ...options, metadata: merged, durationMs } as TrackOptions<
            typeof type
          >)
        },
        cancel() {
          isOver = true
        },
      }
    },
    flush() {
      if (!state.isSender) signal()
      delivery.wake(true)
      return new Promise((resolve) => {
        const done = () => {
          off()
          resolve(!journal.size())
        }
        setTimeout(done, FLUSH_WAIT_MS)
        const off = tracker.subscribe(() => {
          if (!journal.size() || delivery.isWaiting()) done()
        })
        changed()
      })
    },
    identify(email) {
      if (email === user) return
      user = email
      delivery.token = undefined
      remind()
      if (user && !delivery.closed) {
        session.next(user, clock.now(), 0)
        for (const each of held) keep(...each)
      }
      held = []
      changed()
    },
    optOut() {
      store.set(WISH, wishOf(true))
      stop()
      return tell(true)
    },
    optIn() {
      store.set(WISH, wishOf(false))
      start()
      return tell(false)
    },
    status: () =>
      (snapshot ??= {
        ...state,
        queueSize: journal.size() + held.length,
        online: isBrowser && navigator.onLine,
        storage: journal.storage(),
        sessionId: session.id(),
        enabled: !delivery.closed,
      }),
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    shutdown() {
      withdraw()
      listening.abort()
      delivery.close()
      changed()
    },
  }

  const isAllowed = () => {
    const signals = navigator as Navigator & { globalPrivacyControl?: boolean }
    const isRefused = signals.globalPrivacyControl || signals.doNotTrack === '1'
    return !isRefused || options.respectPrivacySignals === false
  }

  delivery.closed = true
  if (!isBrowser) return tracker
  if (!isAllowed()) stop()
  else {
    listen()
    if (!isOut(store.get(WISH))) start()
    remind()
  }
  return tracker
}
