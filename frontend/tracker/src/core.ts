import { createClock, ticks } from './clock'
import { createDelivery, keyField, USER_FIELD } from './delivery'
import { createSession, deviceType, uuid7 } from './identity'
import { createJournal } from './journal'
import { createLocalStorage } from './local-storage'
import { plain, standIn } from './plain'
import { requestOf, tokenOf, utf8BytesMax } from './request'
import type { TrackedEvent, Tracker, TrackerOptions, TrackerStatus, TrackOptions } from './types'

const DAY_MS = 86_400_000
/** Storage keys. The opt-out state: `out`, or `out?` and `in?` until the server has confirmed it. */
const OPT_OUT_KEY = 'o'
const FLUSH_KEY = 'f'
const LOST_KEY = 'l'
/** The server accepts 64 KiB for an event. */
const EVENT_MAX_BYTES = 60_000
/** Size of the report of dropped events. */
const REPORT_MAX_CHARS = 1000
const FLUSH_WAIT_MS = 10_000
/** A storage that doesn't answer must not hold back what localStorage has. */
const LOAD_MAX_MS = 2000
/** How long a hidden tab leaves its lock to a visible one. */
const HANDOVER_MS = 1000
const DROPPED = 'tracker_events_dropped'

const isOptedOut = (optOutState: string | null) => !!optOutState?.startsWith('out')

const copyOf = (details: unknown) => {
  try {
    return { ...(details as object) }
  } catch {
    return plain(details) as object
  }
}

/** Opens another tracker on the same core. */
export type OpenTracker = (options: TrackerOptions) => Tracker

/**
 * One core per page, namespace and endpoint records the events of the page's user, however many
 * trackers are created. Each event is stored in the browser before `track` returns, and deleted
 * when the server has acknowledged it.
 *
 * @param name the namespace and endpoint: prefix of storage keys and of the lock's name.
 * @param base the service's URL; empty where events can't be sent.
 * @param ended called when the last tracker has shut down.
 */
export function createCore(
  name: string,
  namespace: string,
  base: string,
  options: TrackerOptions,
  ended: () => void,
): OpenTracker {
  const page = globalThis.document as Document | undefined
  const locks = page && globalThis.navigator?.locks
  // No URL contains the brackets: no prefix of one service is also one of another.
  const storage = createLocalStorage(name)
  // Version 0.2.0 had one storage for all endpoints.
  const oldStorage = createLocalStorage(namespace)
  const clock = createClock(storage)
  const journal = createJournal(storage)
  const session = createSession(storage, (options.sessionTimeoutMinutes ?? 30) * 60_000)
  const listeners = new Set<() => void>()
  const listening = new AbortController()
  let trackers = 0
  let user = options.userEmail
  let snapshot: TrackerStatus | undefined
  let isTicking = false
  let isUrgent = false
  let release = () => {}
  // The lock that this tab has or waits for.
  let candidateFor = ''
  // Dropped events not yet reported to the server.
  let unreported = Number(storage.get(LOST_KEY)) || 0

  const isHidden = () => !!page?.hidden
  const isPrerendering = () => !!(page as { prerendering?: boolean } | undefined)?.prerendering
  const userField = () => `${USER_FIELD}${JSON.stringify(user)},`
  const isOurs = ({ envelope }: { envelope: string }) =>
    !!envelope &&
    // A worker learns of an opt-out when it has loaded the journal.
    (!!page || state.isSender) &&
    (!options.getToken || envelope.includes(userField()))

  /** Writes to IndexedDB, which survives a killed browser, and schedules sending. */
  const work = () => {
    if (delivery.closed) return
    journal.commit()
    session.save()
    evict()
    delivery.wake(isUrgent)
    isUrgent = false
  }

  /** Notifies listeners and does the follow-up work, once per task. */
  const changed = () => {
    snapshot = undefined
    // Browsers may throttle the timers of a hidden page to one per minute.
    if (isHidden()) queueMicrotask(work)
    if (isTicking || !base) return
    isTicking = true
    setTimeout(() => {
      isTicking = false
      work()
      for (const listener of listeners) listener()
    })
  }

  const lost = (event: string) => {
    state.dropped++
    if (!event.includes(DROPPED)) storage.set(LOST_KEY, `${++unreported}`)
  }

  const delivery = createDelivery(base, options, storage, clock, journal, isOurs, changed, lost)
  const { state } = delivery

  const evict = () => {
    const charsMax = options.maxQueueBytes ?? 1e7
    // Only a clock that the server has confirmed tells how old an event is.
    const oldest = clock.clockId() ? 0 : clock.now() - (options.maxAgeDays ?? 30) * DAY_MS
    for (;;) {
      const entry = journal.oldestOverLimit(oldest, charsMax, state.isSender)
      if (!entry) break
      journal.remove(entry)
      lost(entry.event)
      delivery.report(failure('queue_limit', 'Events that were too old or too many are dropped'))
    }
    // Only if the report itself fits.
    if (unreported && user && journal.chars() + REPORT_MAX_CHARS < charsMax) {
      const metadata = { count: unreported }
      unreported = 0
      storage.remove(LOST_KEY)
      record({ type: DROPPED, metadata })
    }
  }

  const failure = (code: string, message: string) => ({ status: 0, code, message })

  const record = (event: TrackedEvent, key?: string) => {
    const { type, entityType, entityId, metadata, durationMs, contextSnapshot } = event
    const at = clock.now()
    const id = uuid7(at)
    const text = (metadata?: unknown, contextSnapshot?: unknown) =>
      JSON.stringify({
        event_id: id,
        // An event handler: `onClick={track}`.
        event_type: plain((type as { type?: string })?.type ?? type),
        event_timestamp: new Date(at).toISOString(),
        entity_type: entityType,
        entity_id: entityId == null ? undefined : `${entityId}`,
        metadata: plain(metadata),
        duration_ms: durationMs,
        context_snapshot: plain(contextSnapshot),
      })
    let json = text(metadata, contextSnapshot)
    if (utf8BytesMax(json) > EVENT_MAX_BYTES) json = text(standIn('[Too large]'))
    add(id, clock.clockId(), json, key)
    isUrgent ||= !!event.immediate
    if (event.immediate && !state.isSender) requestFlush()
    changed()
    return id
  }

  /** Stores an event; while the user is unknown, without the fields of its session. */
  const add = (id: string, clockId: string, json: string, key?: string) => {
    if (!user) return journal.add(id, clockId, '', json)
    const sequence = session.next(user, clock.now(), 1)
    const fields = `${userField()}"session_id":"${session.id()}","device_type":"${deviceType()}"`
    const event = `{"session_seq":${sequence},${json.slice(1)}`
    return journal.add(id, clockId, keyField(key) + fields, event)
  }

  /** The user is known: the events that waited for that are theirs, also those of earlier pages. */
  const attribute = () => {
    for (const { id, clock, envelope, event } of [...journal.all()]) {
      if (user && !envelope) add(id, clock, event, options.key)
    }
    if (user && oldStorage.get('s')) adopt()
  }

  /** Takes over what version 0.2.0 left, if it is this user's. */
  const adopt = async () => {
    const old = createJournal(oldStorage)
    old.open()
    await old.load()
    for (const entry of old.all()) {
      if (!entry.envelope.includes(userField())) continue
      journal.add(entry.id, entry.clock, entry.envelope, entry.event)
      old.remove(entry)
    }
    old.size() ? old.commit() : old.purge(OPT_OUT_KEY)
    changed()
  }

  /** Asks the sending tab to send immediately. */
  const requestFlush = () => {
    storage.set(FLUSH_KEY, '1')
    storage.remove(FLUSH_KEY)
  }

  /**
   * Leader election: one tab sends for all, or, with tokens, for all tabs of its user; another takes
   * over when it closes. Workers send their own events: they can't see those of pages.
   */
  const elect = () => {
    const name = `${storage.prefix}sender${options.getToken ? user : ''}`
    if (candidateFor === name || delivery.closed) return
    release()
    candidateFor = name
    let isWithdrawn = false
    let finish = () => {}
    release = () => {
      isWithdrawn = true
      candidateFor = ''
      delivery.stepDown()
      finish()
      changed()
    }
    const lead = () =>
      new Promise<void>((resolve) => {
        if (isWithdrawn) return resolve()
        finish = resolve
        const ready = () => {
          if (isWithdrawn) return
          state.isSender = true
          changed()
        }
        setTimeout(ready, LOAD_MAX_MS)
        journal.load().then((isOut) => {
          if (isOut && storage.get(OPT_OUT_KEY) === null) {
            storage.set(OPT_OUT_KEY, unconfirmed(true))
            return stop(true)
          }
          for (const entry of journal.all()) {
            session.atLeast(entry.envelope, Number(/"session_seq":(\d+)/.exec(entry.event)?.[1]))
          }
          attribute()
          ready()
        })
      })
    if (locks) locks.request(name, lead).catch(lead)
    else lead()
  }

  const flushOnExit = () => {
    work()
    delivery.flushOnExit()
  }

  const suspend = () => {
    flushOnExit()
    release()
  }

  const stop = (isOut: boolean) => {
    delivery.abort()
    journal.purge(OPT_OUT_KEY, isOut)
    release()
    changed()
  }

  const start = () => {
    if (!delivery.closed || !isAllowed()) return
    delivery.closed = false
    journal.open()
    session.read()
    if (user) session.next(user, clock.now(), 0)
    attribute()
    elect()
    changed()
  }

  const unconfirmed = (optOut: boolean) => (optOut ? 'out?' : 'in?')

  /** Reports the opt-out; the server accepts it with a user token, and in local mode. */
  const reportOptOut = async (optOut: boolean) => {
    try {
      if (!user || (options.key && !options.getToken)) return false
      const { ok } = await fetch(
        `${base}/api/privacy/opt-out?user_email=${encodeURIComponent(user)}`,
        requestOf('PUT', JSON.stringify({ analytics: optOut }), await tokenOf(options)),
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

  const isAllowed = () => {
    const signals = navigator as Navigator & { globalPrivacyControl?: boolean }
    const isSignalled = signals.globalPrivacyControl || signals.doNotTrack === '1'
    return !isSignalled || options.respectPrivacySignals === false
  }

  const on = (target: EventTarget | undefined, type: string, listener: (event: never) => void) =>
    target?.addEventListener(type, listener as EventListener, { signal: listening.signal })

  const begin = () => {
    if (listening.signal.aborted) return
    if (!isAllowed()) return stop(false)
    on(page, 'visibilitychange', () => (isHidden() ? flushOnExit() : delivery.wake()))
    on(globalThis, 'pagehide', suspend)
    on(page, 'freeze', suspend)
    on(page, 'resume', resume)
    on(globalThis, 'pageshow', (event: PageTransitionEvent) => event.persisted && resume())
    on(globalThis, 'online', () => {
      delivery.online()
      changed()
    })
    on(globalThis, 'offline', changed)
    on(globalThis, 'storage', ({ key: name, newValue }: StorageEvent) => {
      if (!name?.startsWith(storage.prefix)) return
      const ownKey = name.slice(storage.prefix.length)
      if (ownKey === OPT_OUT_KEY) isOptedOut(storage.get(OPT_OUT_KEY)) ? stop(true) : start()
      else if (ownKey === 's') session.read(newValue ?? '')
      else if (ownKey === FLUSH_KEY) delivery.wake(true)
      else if (!delivery.closed && (locks || !newValue) && journal.applyChange(ownKey, newValue)) {
        // The timers of a hidden tab may be throttled: the visible tab takes over.
        if (isHidden() && state.isSender && !state.inFlight) {
          release()
          // After the visible tab, which may still have to ask for the lock.
          setTimeout(elect, HANDOVER_MS)
        }
      }
      changed()
    })
    const oldOptOut = oldStorage.get(OPT_OUT_KEY)
    if (isOptedOut(oldOptOut) && !storage.get(OPT_OUT_KEY)) {
      storage.set(OPT_OUT_KEY, oldOptOut as string)
    }
    if (!isOptedOut(storage.get(OPT_OUT_KEY))) start()
    retryOptOut()
  }

  const resume = () => {
    session.read()
    elect()
  }

  delivery.closed = true
  if (!base) {
    delivery.report(
      failure('no_endpoint', 'Not a page with an origin: createTracker needs `endpoint`'),
    )
  } else if (isPrerendering()) {
    // Nobody may ever see the page: nothing is stored or sent before it is activated.
    on(page, 'prerenderingchange', begin)
  } else begin()

  const subscribe = (listener: () => void) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  return (given) => {
    let { key } = given
    let isShutDown = false
    trackers++
    for (const [name, value] of Object.entries(given)) {
      if (value !== undefined) Object.assign(options, { [name]: value })
    }

    const track: Tracker['track'] = (type, details) => {
      if (isPrerendering()) {
        on(page, 'prerenderingchange', () => track(type, details))
        return undefined
      }
      if (delivery.closed || isShutDown || user === null) return undefined
      try {
        const event = { ...copyOf(details), type } as TrackedEvent
        const sanitized = options.sanitize ? options.sanitize(event) : event
        return sanitized ? record(sanitized, key) : undefined
      } catch (error) {
        lost('')
        delivery.report(failure('not_recorded', `${error}`))
        changed()
      }
      return undefined
    }

    const tracker: Tracker = {
      track,
      trackBatch: (events) =>
        Array.from(events ?? [], (event) => track(event?.type, event?.options)),
      trackPageView: (page, metadata) =>
        track('page_viewed', { metadata: { page, ...copyOf(metadata) } } as TrackOptions),
      trackTimed(type, options) {
        const startedAt = ticks()
        let isFinished = false
        return {
          complete(metadata) {
            if (isFinished) return undefined
            isFinished = true
            const durationMs = Math.round(ticks() - startedAt)
            const merged = { ...copyOf(options?.metadata), ...copyOf(metadata) }
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
            clearTimeout(timer)
            resolve(!journal.size())
          }
          const timer = setTimeout(done, FLUSH_WAIT_MS)
          const unsubscribe = subscribe(() => {
            // Without a user, nothing can be sent.
            if (!journal.size() || !user || delivery.isBackingOff()) done()
          })
          base ? changed() : done()
        })
      },
      identify(email) {
        if (email === user) return
        user = email
        delivery.token = undefined
        retryOptOut()
        if (!delivery.closed) {
          elect()
          if (user) session.next(user, clock.now(), 0)
          attribute()
          // What earlier pages left, and tabs that this one doesn't send for.
          journal.load().then(attribute)
        }
        changed()
      },
      optOut() {
        storage.set(OPT_OUT_KEY, unconfirmed(true))
        stop(true)
        return reportOptOut(true)
      },
      optIn() {
        storage.set(OPT_OUT_KEY, unconfirmed(false))
        start()
        journal.optIn()
        oldStorage.remove(OPT_OUT_KEY)
        return reportOptOut(false)
      },
      status: () =>
        (snapshot ??= {
          ...state,
          queueSize: journal.size(),
          online: !!base && navigator.onLine,
          storage: journal.storage(),
          sessionId: session.id(),
          enabled: !delivery.closed,
        }),
      subscribe,
      configure(changes) {
        Object.assign(options, changes)
        elect()
        // What was refused may be accepted with another key.
        if (key !== options.key) delivery.online()
        key = options.key
      },
      shutdown() {
        if (isShutDown) return
        isShutDown = true
        if (--trackers) return flushOnExit()
        suspend()
        listening.abort()
        delivery.close()
        ended()
        changed()
      },
    }
    if (given.userEmail !== undefined) tracker.identify(given.userEmail)
    return tracker
  }
}
