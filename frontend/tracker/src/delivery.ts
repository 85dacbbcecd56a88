import type { Clock } from './clock'
import type { Entry, Journal } from './journal'
import { utf8Bytes } from './journal'
import type { LocalStorage } from './local-storage'
import type { DeadLetter, TrackerError, TrackerOptions } from './types'

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
const DAY_MS = 86_400_000
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
declare const window: Window & { fetchLater?: FetchLater }

export const endpointOf = ({ endpoint = '' }: TrackerOptions): string =>
  endpoint.replace(/\/+$/, '')

/** As text/plain and without cookies, so that only a token requires a CORS preflight. */
export const requestOf = (method: string, body: string, token?: string): RequestInit => ({
  method,
  body,
  headers: {
    ...(method === 'PUT' && { 'Content-Type': 'application/json' }),
    ...(token && { Authorization: `Bearer ${token}` }),
  },
  credentials: 'omit',
  keepalive: true,
})

/** Parses both forms of `Retry-After` (seconds or HTTP date) to milliseconds. */
export function retryAfterMs(header: string | null, now: number): number {
  if (!header) return 0
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now
  return Math.min(Math.max(ms || 0, 0), DAY_MS)
}

/**
 * Sends the journal's events to the server, and removes each event when the server has returned its
 * result. One tab sends for all tabs.
 */
export function createDelivery(
  options: TrackerOptions,
  storage: LocalStorage,
  clock: Clock,
  journal: Journal,
  isOurs: (entry: Entry) => boolean,
  changed: () => void,
) {
  const url = () => `${endpointOf(options)}/api/events/log/batch`
  const requests = new Set<AbortController>()
  let batchMax = BATCH_MAX
  let acceptedBatches = 0
  let dueAt = NEVER
  let timer: ReturnType<typeof setTimeout> | undefined
  let isSending = false
  let keepaliveBytes = 0
  let backoff = ''
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
    wake(isUrgent: boolean) {
      const { batchSize = 10, flushIntervalMs = 5000 } = options
      let queued = 0
      for (const entry of journal.all()) if (isSendable(entry) && ++queued >= batchSize) break
      if (!queued) return
      const wait = isUrgent || queued >= batchSize ? 0 : flushIntervalMs
      dueAt = Math.min(dueAt, performance.now() + wait)
      schedule()
    },

    /** Whether sending is paused by a retry delay. */
    isBackingOff: () => remainingMs() > 0,

    /** The page may close at any moment: sends as much as keepalive requests allow, oldest first. */
    flushOnExit() {
      cancelFetchLater()
      if (remainingMs() || (options.getToken && !delivery.token)) return
      const hasKeepalive = 'keepalive' in Request.prototype
      for (;;) {
        const batch = nextBatch(true, KEEPALIVE_MAX_BYTES - keepaliveBytes)
        if (!batch.length) return
        if (hasKeepalive) post(batch, true)
        else {
          // A beacon returns no response: the events stay, and the next page sends them again.
          navigator.sendBeacon(url(), bodyOf(batch))
          return
        }
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
      if (!isSendable(entry)) continue
      if (first && (entry.envelope !== first.envelope || entry.clock !== first.clock)) continue
      entry.bytes ||= utf8Bytes(entry.event)
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
    const key = options.key?.trim()
    // A key in the body instead of a header avoids a CORS preflight.
    const head = (key ? `"key":${JSON.stringify(key)},` : '') + (sentAt && `"sent_at":"${sentAt}",`)
    return `{${head}${envelope},"events":[${events}]}`
  }

  /** Sends one batch and applies the response; returns the number of settled events. */
  const post = async (batch: Entry[], isExiting = false): Promise<number> => {
    const request = new AbortController()
    const timeout = setTimeout(() => request.abort(), options.requestTimeoutMs ?? 30_000)
    let status = 0
    let responseBody: BatchResponse | undefined
    let retryAfter: string | null = null
    let bytes = 0
    let message = ''
    requests.add(request)
    for (const entry of batch) entry.inFlight = true
    state.inFlight += batch.length
    try {
      if (options.getToken && !isExiting) delivery.token = await options.getToken()
      const startedAt = performance.now()
      const body = bodyOf(batch)
      const size = utf8Bytes(body)
      // Not after a failure: the page's own code may have used up the shared keepalive budget.
      if (isExiting || (!backoffState().failures && keepaliveBytes + size < KEEPALIVE_MAX_BYTES)) {
        bytes = size
      }
      keepaliveBytes += bytes
      const { signal } = request
      const response = await fetch(url(), {
        ...requestOf('POST', body, delivery.token),
        keepalive: !!bytes,
        signal,
      })
      status = response.status
      retryAfter = response.headers.get('Retry-After')
      responseBody = await response.json()
      if (responseBody?.server_time) clock.synchronize(responseBody.server_time, startedAt)
    } catch (error) {
      // A browser may quote the value of an invalid header in its error.
      message = String(error).replaceAll(delivery.token || '\0', '…')
    }
    clearTimeout(timeout)
    keepaliveBytes -= bytes
    for (const entry of batch) entry.inFlight = false
    state.inFlight -= batch.length
    changed()
    return requests.delete(request) ? settle(batch, status, responseBody, retryAfter, message) : 0
  }

  const settle = (
    batch: Entry[],
    status: number,
    responseBody: BatchResponse | undefined,
    retryAfter: string | null,
    message: string,
  ): number => {
    const [first] = batch as [Entry]
    const rejection = {
      status,
      code: responseBody?.error?.code ?? '',
      message: responseBody?.error?.message ?? message,
    }
    if (responseBody?.received === batch.length && (status === 200 || status === 422)) {
      for (const { index, status: itemStatus, code = '', message = '' } of responseBody.results ??
        []) {
        const entry = batch[index]
        if (entry && itemStatus === 'rejected') deadLetter(entry, { status, code, message })
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
    if (status === 400 || status === 413 || status === 422) {
      state.lastError = rejection
      acceptedBatches = 0
      if (batch.length > 1) {
        batchMax = batch.length >> 1
        return 0
      }
      deadLetter(first, rejection)
      journal.remove(first)
      batchMax = BATCH_MAX
      return 1
    }
    return backOff(rejection, retryAfter)
  }

  const deadLetter = (entry: Entry, reason: TrackerError) => {
    state.dropped++
    const event = entry.event.slice(0, DEAD_LETTER_MAX_BYTES)
    state.deadLetters = [...state.deadLetters, { ...reason, event }].slice(-DEAD_LETTERS_MAX)
    storage.set('d', JSON.stringify(state.deadLetters))
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
    state.lastError = error
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
    const wait = Math.max(dueAt - performance.now(), remainingMs())
    if (wait > 0) timer = setTimeout(schedule, wait)
    else sendAll()
    fetchLaterTimer ??= setTimeout(scheduleFetchLater, FETCH_LATER_DELAY_MS)
  }

  /** Sends one batch after another until the queue is empty or a request fails. */
  const sendAll = async () => {
    isSending = true
    cancelFetchLater()
    for (let queued = journal.size(); queued > 0 && !delivery.closed && !remainingMs(); ) {
      const batch = nextBatch()
      if (!batch.length) break
      queued -= await post(batch)
    }
    isSending = false
    dueAt = NEVER
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
    if (!window.fetchLater || !state.isSender || delivery.closed || backoffState().isServerDelay)
      return
    const batch = nextBatch(true)
    if (!batch.length || (options.getToken && !delivery.token)) return
    fetchLaterRequest = new AbortController()
    try {
      window.fetchLater(url(), {
        ...requestOf('POST', bodyOf(batch), delivery.token),
        signal: fetchLaterRequest.signal,
      })
    } catch {}
  }

  return delivery
}

export type Delivery = ReturnType<typeof createDelivery>
