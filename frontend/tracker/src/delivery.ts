import type { Clock } from './clock'
import type { Entry, Journal } from './journal'
import { utf8Bytes } from './journal'
import type { Store } from './store'
import type { DeadLetter, TrackerError, TrackerOptions } from './types'

/** The most events of one request; the server takes more, but each must be quick to make. */
const BATCH_MAX = 100
/** Browsers let all requests that outlive the page, beacons included, share 64 KiB. */
const KEEPALIVE_MAX_BYTES = 60_000
/** What a body has beside its events, at most. */
const ENVELOPE_MAX_BYTES = 1000
/** After so many batches in a row that were not too large, they may double again. */
const GOOD_MIN = 5
/** How long it waits at most between attempts: at first, later, and where waiting won't help. */
const BACKOFF_MIN_MS = 2000
const BACKOFF_MS = 14_000
const BACKOFF_LONG_MS = 60_000
const REFUSED_MS = 300_000
const ATTEMPTS_SHORT = 12
const DAY_MS = 86_400_000
const NEVER = 1 / 0
const DEAD_LETTERS_MAX = 20
const DEAD_LETTER_MAX_BYTES = 5000
const NET_DELAY_MS = 1000

interface Answer {
  received?: number
  server_time?: string
  results?: { index: number; status: string; code?: string; message?: string }[]
  error?: { code: string; message: string }
}

type FetchLater = (url: string, init: RequestInit) => unknown
declare const window: Window & { fetchLater?: FetchLater }

export const endpointOf = ({ endpoint = '' }: TrackerOptions): string =>
  endpoint.replace(/\/+$/, '')

/** As text/plain, and without cookies: the browser asks nobody's leave (CORS), but for a token. */
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

/** How long the server asks to wait, in milliseconds, from either form of `Retry-After`. */
export function retryAfterMs(header: string | null, now: number): number {
  if (!header) return 0
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now
  return Math.min(Math.max(ms || 0, 0), DAY_MS)
}

/**
 * Brings the journal's events to the server, and removes each when the server has said what became
 * of it. One tab does it for all.
 */
export function createDelivery(
  options: TrackerOptions,
  store: Store,
  clock: Clock,
  journal: Journal,
  isOurs: (entry: Entry) => boolean,
  changed: () => void,
) {
  const { getToken, batchSize = 10, flushIntervalMs = 5000 } = options
  const key = options.key?.trim()
  const url = `${endpointOf(options)}/api/events/log/batch`
  const requests = new Set<AbortController>()
  let batchMax = BATCH_MAX
  let good = 0
  let dueAt = NEVER
  let timer: ReturnType<typeof setTimeout> | undefined
  let isPumping = false
  let keptAliveBytes = 0
  let backoff = ''
  let net: AbortController | undefined
  let netTimer: ReturnType<typeof setTimeout> | undefined

  /** What `status` tells of it. */
  const state = {
    isSender: false,
    inFlight: 0,
    dropped: 0,
    deadLetters: store.json<readonly DeadLetter[]>('d', []),
    lastError: null as TrackerError | null,
    lastAckAt: null as number | null,
  }

  const delivery = {
    state,
    closed: false,
    /** The last one; there is no time to ask for another when the page ends. */
    token: undefined as string | undefined,

    /** Something waits: it is sent with the next batch, or at once. */
    wake(isUrgent: boolean) {
      let waiting = 0
      for (const entry of journal.all()) if (isFree(entry) && ++waiting >= batchSize) break
      if (!waiting) return
      const wait = isUrgent || waiting >= batchSize ? 0 : flushIntervalMs
      dueAt = Math.min(dueAt, performance.now() + wait)
      schedule()
    },

    /** Whether nothing may be sent for now. */
    isWaiting: () => waitMs() > 0,

    /** The page may end at any moment: sends what the browser still takes along, oldest first. */
    leave() {
      dropNet()
      if (waitMs() || (getToken && !delivery.token)) return
      const canStay = 'keepalive' in Request.prototype
      for (;;) {
        const batch = take(true, KEEPALIVE_MAX_BYTES - keptAliveBytes)
        if (!batch.length) return
        if (canStay) post(batch, true)
        else {
          // No answer comes of it: the events stay, and are sent again by the next page.
          navigator.sendBeacon(url, bodyOf(batch))
          return
        }
      }
    },

    /** The network is back: no use in waiting, unless the server asked for it. */
    online() {
      if (!backoffState().asked) setBackoff('')
      delivery.wake(true)
    },

    close() {
      delivery.closed = true
      dropNet()
      clearTimeout(timer)
    },

    retire() {
      state.isSender = false
      dropNet()
    },

    /** Nothing more is sent, and no answer changes anything any more. */
    abort() {
      for (const request of requests) request.abort()
      requests.clear()
      state.deadLetters = []
      delivery.close()
    },
  }

  const isFree = (entry: Entry) =>
    !entry.inFlight && (state.isSender || !entry.shared) && isOurs(entry)

  /** The oldest events that nobody sends yet, of one session and one clock. */
  const take = (onlyWhole = false, budget = KEEPALIVE_MAX_BYTES): Entry[] => {
    const batch: Entry[] = []
    let bytes = ENVELOPE_MAX_BYTES
    for (const entry of journal.all()) {
      const first = batch[0]
      if (!isFree(entry)) continue
      if (first && (entry.envelope !== first.envelope || entry.clock !== first.clock)) continue
      entry.bytes ||= utf8Bytes(entry.event)
      bytes += entry.bytes + 1
      if (bytes > budget && (first || onlyWhole)) break
      batch.push(entry)
      if (batch.length >= batchMax) break
    }
    return batch
  }

  const bodyOf = (batch: Entry[]) => {
    const { clock: mark, envelope } = batch[0] as Entry
    const sentAt = clock.sentAt(mark)
    const events = batch.map((entry) => entry.event).join()
    // A key in the body needs no header, and so the browser asks nobody's leave (CORS) to send it.
    const head = (key ? `"key":${JSON.stringify(key)},` : '') + (sentAt && `"sent_at":"${sentAt}",`)
    return `{${head}${envelope},"events":[${events}]}`
  }

  /** Sends one batch, and does what the answer says; how many events it settled. */
  const post = async (batch: Entry[], isLeaving = false): Promise<number> => {
    const request = new AbortController()
    const timeout = setTimeout(() => request.abort(), options.requestTimeoutMs ?? 30_000)
    let status = 0
    let answer: Answer | undefined
    let retryAfter: string | null = null
    let bytes = 0
    let message = ''
    requests.add(request)
    for (const entry of batch) entry.inFlight = true
    state.inFlight += batch.length
    try {
      if (getToken && !isLeaving) delivery.token = await getToken()
      const startedAt = performance.now()
      const body = bodyOf(batch)
      const size = utf8Bytes(body)
      // After a failure without: it may have been for the budget, which the page's code shares.
      if (isLeaving || (!backoffState().failures && keptAliveBytes + size < KEEPALIVE_MAX_BYTES)) {
        bytes = size
      }
      keptAliveBytes += bytes
      const { signal } = request
      const response = await fetch(url, {
        ...requestOf('POST', body, delivery.token),
        keepalive: !!bytes,
        signal,
      })
      status = response.status
      retryAfter = response.headers.get('Retry-After')
      answer = await response.json()
      if (answer?.server_time) clock.learn(answer.server_time, startedAt)
    } catch (error) {
      // Of a header that it can't send, a browser may quote the value.
      message = String(error).replaceAll(delivery.token || '\0', '…')
    }
    clearTimeout(timeout)
    keptAliveBytes -= bytes
    for (const entry of batch) entry.inFlight = false
    state.inFlight -= batch.length
    changed()
    return requests.delete(request) ? settle(batch, status, answer, retryAfter, message) : 0
  }

  const settle = (
    batch: Entry[],
    status: number,
    answer: Answer | undefined,
    retryAfter: string | null,
    message: string,
  ): number => {
    const [first] = batch as [Entry]
    const refusal = {
      status,
      code: answer?.error?.code ?? '',
      message: answer?.error?.message ?? message,
    }
    if (answer?.received === batch.length && (status === 200 || status === 422)) {
      for (const { index, status: fate, code = '', message = '' } of answer.results ?? []) {
        const entry = batch[index]
        if (entry && fate === 'rejected') bury(entry, { status, code, message })
      }
      batch.forEach(journal.remove)
      state.lastAckAt = clock.now()
      state.lastError = null
      setBackoff('')
      if (++good >= GOOD_MIN) {
        good = 0
        batchMax = Math.min(batchMax * 2, BATCH_MAX)
      }
      return batch.length
    }
    if (status === 400 || status === 413 || status === 422) {
      state.lastError = refusal
      good = 0
      if (batch.length > 1) {
        batchMax = batch.length >> 1
        return 0
      }
      bury(first, refusal)
      journal.remove(first)
      batchMax = BATCH_MAX
      return 1
    }
    return fail(refusal, retryAfter)
  }

  const bury = (entry: Entry, reason: TrackerError) => {
    state.dropped++
    const event = entry.event.slice(0, DEAD_LETTER_MAX_BYTES)
    state.deadLetters = [...state.deadLetters, { ...reason, event }].slice(-DEAD_LETTERS_MAX)
    store.set('d', JSON.stringify(state.deadLetters))
  }

  /** `failures startedAt lasts asked`, which all tabs and the next page read. */
  const backoffState = () => {
    const [failures, startedAt, lasts, asked] = (store.get('b') ?? backoff).split(' ').map(Number)
    return { failures: failures || 0, startedAt: startedAt || 0, lasts: lasts || 0, asked }
  }
  const setBackoff = (text: string) => {
    backoff = text
    text ? store.set('b', text) : store.remove('b')
  }
  /** How long nothing may be sent. A clock that was set back must not make it longer. */
  const waitMs = () => {
    const { startedAt, lasts } = backoffState()
    const passed = Date.now() - startedAt
    return passed >= 0 && passed < lasts ? lasts - passed : 0
  }

  /** Full jitter (Brooker, AWS Architecture Blog, 2015), and never before the server wants it. */
  const fail = (error: TrackerError, retryAfter: string | null) => {
    state.lastError = error
    const asked = retryAfterMs(retryAfter, clock.now())
    if (asked || !waitMs()) {
      const failures = backoffState().failures + 1
      const refused = error.status >= 300 && error.status < 500 && error.status !== 429
      const patient = failures > ATTEMPTS_SHORT ? BACKOFF_LONG_MS : BACKOFF_MS
      const bound = Math.min(BACKOFF_MIN_MS * 2 ** failures, refused ? REFUSED_MS : patient)
      const jitter = BACKOFF_MIN_MS + Math.random() * (bound - BACKOFF_MIN_MS)
      setBackoff(`${failures} ${Date.now()} ${Math.max(asked, jitter)} ${asked ? 1 : 0}`)
    }
    return 0
  }

  const schedule = () => {
    clearTimeout(timer)
    if (isPumping || delivery.closed || dueAt === NEVER) return
    const wait = Math.max(dueAt - performance.now(), waitMs())
    if (wait > 0) timer = setTimeout(schedule, wait)
    else pump()
    netTimer ??= setTimeout(spreadNet, NET_DELAY_MS)
  }

  /** One request after the other, until all that waited has been sent or something fails. */
  const pump = async () => {
    isPumping = true
    dropNet()
    for (let waiting = journal.size(); waiting > 0 && !delivery.closed && !waitMs(); ) {
      const batch = take()
      if (!batch.length) break
      waiting -= await post(batch)
    }
    isPumping = false
    dueAt = NEVER
    delivery.wake(waitMs() > 0)
    changed()
  }

  const dropNet = () => {
    clearTimeout(netTimer)
    net?.abort()
    netTimer = net = undefined
  }

  /** Should the page crash, the browser sends this; should it not, the journal is what counts. */
  const spreadNet = () => {
    dropNet()
    if (!window.fetchLater || !state.isSender || delivery.closed || backoffState().asked) return
    const batch = take(true)
    if (!batch.length || (getToken && !delivery.token)) return
    net = new AbortController()
    try {
      window.fetchLater(url, {
        ...requestOf('POST', bodyOf(batch), delivery.token),
        signal: net.signal,
      })
    } catch {}
  }

  return delivery
}

export type Delivery = ReturnType<typeof createDelivery>
