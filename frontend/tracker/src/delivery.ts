import { type Clock, ticks } from './clock'
import type { Entry, Journal } from './journal'
import type { LocalStorage } from './local-storage'
import { requestOf, retryAfterMs, tokenOf, utf8BytesMax } from './request'
import type { DeadLetter, TrackerError, TrackerOptions } from './types'
import { warn } from './warnings'

/** What an envelope begins with, unless with a key. */
export const USER_FIELD = '"user_email":'
/** A key in the body instead of a header avoids a CORS preflight. */
export const keyField = (key?: string | null): string =>
  key?.trim() ? `"key":${JSON.stringify(key.trim())},` : ''

/** Maximum events per request; the server accepts more, but building a request must be fast. */
const BATCH_MAX = 100
/** Browsers limit all keepalive requests and beacons of a page to 64 KiB in total. */
const KEEPALIVE_MAX_BYTES = 60_000
/** Maximum size of a request body without its events. */
const ENVELOPE_MAX_BYTES = 1000
/** After this many accepted batches in a row, the batch size may double again. */
const ACCEPTED_MIN = 5
/** Upper bounds of the retry delay: in short outages, in long ones, and for client errors. */
const BACKOFF_MIN_MS = 2000
const BACKOFF_MS = 14_000
const BACKOFF_LONG_MS = 60_000
const BACKOFF_REJECTED_MS = 300_000
const SHORT_OUTAGE_ATTEMPTS = 12
const NEVER = 1 / 0
const DEAD_LETTERS_MAX = 20
const DEAD_LETTER_MAX_BYTES = 5000
const FETCH_LATER_DELAY_MS = 1000

interface BatchResponse {
  received?: number
  server_time?: string
  results?: { index: number; status: string; code?: string; message?: string }[]
  error?: { code: string; message: string }
}

type FetchLater = (url: string, init: RequestInit) => unknown
const scope = globalThis as { fetchLater?: FetchLater }

/**
 * Sends the journal's events to the server, and removes each event when the server has returned its
 * result. One tab sends for all tabs.
 */
export function createDelivery(
  base: string,
  options: TrackerOptions,
  storage: LocalStorage,
  clock: Clock,
  journal: Journal,
  isOurs: (entry: Entry) => boolean,
  changed: () => void,
  lost: (event: string) => void,
) {
  const urlOf = () => base + (options.path ?? '/api/events/log/batch')
  const requests = new Set<AbortController>()
  let batchMax = BATCH_MAX
  let acceptedBatches = 0
  let dueAt = NEVER
  let timer: ReturnType<typeof setTimeout> | undefined
  let isSending = false
  let keepaliveBytes = 0
  let isUrgent = false
  let backoff = ''
  // Earlier pages sent the events up to this one when they were left. Without their responses they
  // are sent again, but with the next batch that is due, not by each page that is left.
  const sentBefore = storage.get('x') ?? ''
  let fetchLaterRequest: AbortController | undefined
  let fetchLaterTimer: ReturnType<typeof setTimeout> | undefined

  /** The part of the tracker's `status` that delivery owns. */
  const state = {
    isSender: false,
    inFlight: 0,
    dropped: 0,
    deadLetters: storage.json<readonly DeadLetter[]>('d', []),
    lastError: null as TrackerError | null,
    lastAckAt: null as number | null,
  }

  const delivery = {
    state,
    closed: false,
    /** The last token; a page that closes has no time to request another. */
    token: undefined as string | undefined,

    /** Schedules sending of the queued events: with the next batch, or immediately. */
    wake(isNewlyUrgent = false) {
      const { batchSize = 10, flushIntervalMs = 5000 } = options
      let queued = 0
      let recent = 0
      for (const entry of journal.all()) {
        if (!isSendable(entry)) continue
        queued++
        if (entry.id > sentBefore && ++recent >= batchSize) break
      }
      isUrgent ||= isNewlyUrgent
      const wait = isUrgent || recent >= batchSize ? 0 : flushIntervalMs
      // It stays urgent until this tab may send.
      if (queued || state.isSender) isUrgent = false
      if (!queued) {
        dueAt = NEVER
        return
      }
      dueAt = Math.min(dueAt, ticks() + wait)
      schedule()
    },

    /** Whether sending is paused by a retry delay. */
    isBackingOff: () => remainingMs() > 0,

    /** Records an error in the status, and shows it to a developer. */
    report(error: TrackerError) {
      state.lastError = error
      warn(error.code + error.status, `${error.code}: ${error.message}`)
    },

    /** The page may close at any moment: sends as much as keepalive requests allow, oldest first. */
    flushOnExit() {
      cancelFetchLater()
      if (remainingMs() || (options.getToken && !delivery.token)) return
      for (;;) {
        const batch = nextBatch(true, KEEPALIVE_MAX_BYTES - keepaliveBytes)
        const last = batch.at(-1)
        if (!last) return
        post(batch, true)
        storage.set('x', last.id)
      }
    },

    /** The network is back: retries immediately, unless the server requested the delay. */
    online() {
      if (!backoffState().isServerDelay) setBackoff('')
      delivery.wake(true)
    },

    close() {
      delivery.closed = true
      cancelFetchLater()
      clearTimeout(timer)
    },

    stepDown() {
      state.isSender = false
      cancelFetchLater()
    },

    /** Stops sending, and ignores all pending responses. */
    abort() {
      for (const request of requests) request.abort()
      requests.clear()
      state.deadLetters = []
      delivery.close()
    },
  }

  const isSendable = (entry: Entry) =>
    !entry.inFlight && (state.isSender || !entry.shared) && isOurs(entry)

  /** The oldest events that are not in flight, of one session and one clock. */
  const nextBatch = (fitsOnly = false, budget = KEEPALIVE_MAX_BYTES): Entry[] => {
    const batch: Entry[] = []
    let bytes = ENVELOPE_MAX_BYTES
    for (const entry of journal.all()) {
      const first = batch[0]
      if (!isSendable(entry) || (fitsOnly && entry.id <= sentBefore)) continue
      if (first && (entry.envelope !== first.envelope || entry.clock !== first.clock)) continue
      entry.bytes ||= utf8BytesMax(entry.event)
      bytes += entry.bytes + 1
      if (bytes > budget && (first || fitsOnly)) break
      batch.push(entry)
      if (batch.length >= batchMax) break
    }
    return batch
  }

  const bodyOf = (batch: Entry[]) => {
    const { clock: clockId, envelope } = batch[0] as Entry
    const sentAt = clock.sentAt(clockId)
    const events = batch.map((entry) => entry.event).join()
    const key = envelope.startsWith(USER_FIELD) ? keyField(options.key) : ''
    return `{${key}${sentAt && `"sent_at":"${sentAt}",`}${envelope},"events":[${events}]}`
  }

  /** Sends one batch and applies the response; returns the number of settled events. */
  const post = async (batch: Entry[], isExiting = false): Promise<number> => {
    const request = new AbortController()
    const timeout = setTimeout(() => request.abort(), options.requestTimeoutMs ?? 30_000)
    const url = urlOf()
    let status = 0
    let responseBody: BatchResponse | undefined
    let retryAfter: string | null = null
    let bytes = 0
    let code = 'no_token'
    let message = ''
    let hint = ''
    requests.add(request)
    for (const entry of batch) entry.inFlight = true
    state.inFlight += batch.length
    try {
      if (!isExiting) {
        const token = await tokenOf(options)
        // Another user has signed in meanwhile: the token may be theirs.
        if (!batch.every(isOurs)) requests.delete(request)
        else delivery.token = token
      }
      if (!requests.has(request)) throw 0
      code = 'no_response'
      hint = ` (${url}: no connection, an origin that is refused, or perhaps an ad blocker)`
      const startedAt = ticks()
      const body = bodyOf(batch)
      const size = utf8BytesMax(body)
      // Not after a failure: the page's own code may have used up the shared keepalive budget.
      if (isExiting || (!backoffState().failures && keepaliveBytes + size < KEEPALIVE_MAX_BYTES)) {
        bytes = size
      }
      keepaliveBytes += bytes
      const response = await fetch(url, {
        ...requestOf('POST', body, delivery.token),
        keepalive: !!bytes,
        signal: request.signal,
      })
      status = response.status
      retryAfter = response.headers.get('Retry-After')
      code = 'not_the_service'
      message = `What answers at ${url} is not the service`
      responseBody = await response.json()
      if (responseBody?.server_time) clock.synchronize(responseBody.server_time, startedAt)
    } catch (error) {
      // A browser may quote the value of an invalid header in its error.
      message ||= `${error}`.replaceAll(delivery.token || '\0', '…') + hint
    }
    clearTimeout(timeout)
    keepaliveBytes -= bytes
    for (const entry of batch) entry.inFlight = false
    state.inFlight -= batch.length
    changed()
    if (!requests.delete(request)) return 0
    if (responseBody?.received === batch.length && (status === 200 || status === 422)) {
      for (const result of responseBody.results ?? []) {
        const { code = '', message = '' } = result
        const entry = batch[result.index]
        if (entry && result.status === 'rejected') deadLetter(entry, { status, code, message })
      }
      batch.forEach(journal.remove)
      state.lastAckAt = clock.now()
      state.lastError = null
      setBackoff('')
      if (++acceptedBatches >= ACCEPTED_MIN) {
        acceptedBatches = 0
        batchMax = Math.min(batchMax * 2, BATCH_MAX)
      }
      return batch.length
    }
    const error = { status, code, message, ...responseBody?.error }
    delivery.report(error)
    const { envelope } = batch[0] as Entry
    if (
      (status === 401 || status === 403) &&
      !envelope.startsWith(USER_FIELD) &&
      !envelope.startsWith(keyField(options.key) || USER_FIELD)
    ) {
      // Their key is no longer valid: they are sent with the newest one.
      for (const entry of batch) entry.envelope = envelope.slice(envelope.indexOf(USER_FIELD))
      return 0
    }
    if (status === 400 || status === 413 || status === 422) {
      acceptedBatches = 0
      if (batch.length > 1) {
        batchMax = batch.length >> 1
        return 0
      }
      batchMax = BATCH_MAX
      batch.forEach((entry) => {
        deadLetter(entry, error)
        journal.remove(entry)
      })
      return 1
    }
    return backOff(error, retryAfter)
  }

  const deadLetter = (entry: Entry, reason: TrackerError) => {
    const event = entry.event.slice(0, DEAD_LETTER_MAX_BYTES)
    state.deadLetters = [...state.deadLetters, { ...reason, event }].slice(-DEAD_LETTERS_MAX)
    storage.set('d', JSON.stringify(state.deadLetters))
    lost(entry.event)
    warn(reason.code, `${reason.code}: ${reason.message} The event is dropped: ${event}`)
  }

  /** `failures startedAt delayMs isServerDelay`, shared with all tabs and the next page. */
  const backoffState = () => {
    const [failures, startedAt, delayMs, isServerDelay] = (storage.get('b') ?? backoff)
      .split(' ')
      .map(Number)
    return {
      failures: failures || 0,
      startedAt: startedAt || 0,
      delayMs: delayMs || 0,
      isServerDelay,
    }
  }
  const setBackoff = (text: string) => {
    backoff = text
    text ? storage.set('b', text) : storage.remove('b')
  }
  /** The remaining retry delay. A clock that was set back must not prolong it. */
  const remainingMs = () => {
    const { startedAt, delayMs } = backoffState()
    const passed = Date.now() - startedAt
    return passed >= 0 && passed < delayMs ? delayMs - passed : 0
  }

  /** Full jitter (Brooker, AWS Architecture Blog, 2015), but at least the `Retry-After`. */
  const backOff = (error: TrackerError, retryAfter: string | null) => {
    const serverDelayMs = retryAfterMs(retryAfter, clock.now())
    if (serverDelayMs || !remainingMs()) {
      const failures = backoffState().failures + 1
      const isRejected = error.status >= 300 && error.status < 500 && error.status !== 429
      const outageBound = failures > SHORT_OUTAGE_ATTEMPTS ? BACKOFF_LONG_MS : BACKOFF_MS
      const bound = Math.min(
        BACKOFF_MIN_MS * 2 ** failures,
        isRejected ? BACKOFF_REJECTED_MS : outageBound,
      )
      const jitter = BACKOFF_MIN_MS + Math.random() * (bound - BACKOFF_MIN_MS)
      setBackoff(
        `${failures} ${Date.now()} ${Math.max(serverDelayMs, jitter)} ${serverDelayMs ? 1 : 0}`,
      )
    }
    return 0
  }

  const schedule = () => {
    clearTimeout(timer)
    if (isSending || delivery.closed || dueAt === NEVER) return
    const wait = Math.max(dueAt - ticks(), remainingMs())
    if (wait > 0) timer = setTimeout(schedule, wait)
    else sendAll()
    fetchLaterTimer ??= setTimeout(scheduleFetchLater, FETCH_LATER_DELAY_MS)
  }

  /** Sends one batch after another until the queue is empty or a request fails. */
  const sendAll = async () => {
    isSending = true
    // An event that becomes urgent from here on sets it again.
    dueAt = NEVER
    cancelFetchLater()
    for (let queued = journal.size(); queued > 0 && !delivery.closed && !remainingMs(); ) {
      const batch = nextBatch()
      if (!batch.length) break
      queued -= await post(batch)
    }
    isSending = false
    delivery.wake(remainingMs() > 0)
    changed()
  }

  const cancelFetchLater = () => {
    clearTimeout(fetchLaterTimer)
    fetchLaterRequest?.abort()
    fetchLaterTimer = fetchLaterRequest = undefined
  }

  /** Registers a request that the browser sends if the page crashes. */
  const scheduleFetchLater = () => {
    cancelFetchLater()
    if (!scope.fetchLater || !state.isSender || delivery.closed || backoffState().isServerDelay)
      return
    const batch = nextBatch(true)
    if (!batch.length || (options.getToken && !delivery.token)) return
    fetchLaterRequest = new AbortController()
    try {
      scope.fetchLater(urlOf(), {
        ...requestOf('POST', bodyOf(batch), delivery.token),
        signal: fetchLaterRequest.signal,
      })
    } catch {}
  }

  return delivery
}

export type Delivery = ReturnType<typeof createDelivery>
