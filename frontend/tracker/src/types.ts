import type { KnownEventType } from './event-types'

/**
 * What a team declares about its own events' metadata:
 *
 *     declare module '@activity-events/tracker' {
 *       interface EventMap { project_created: { priority: 'high' | 'low' } }
 *     }
 */
// biome-ignore lint/suspicious/noEmptyInterface: teams merge their declarations into it
export interface EventMap {}

export type EventType = KnownEventType | keyof EventMap | (string & {})

export type MetadataOf<T> = T extends keyof EventMap ? EventMap[T] : Record<string, unknown>

export interface TrackOptions<T = string> {
  /** What kind of thing it happened to: `project`. */
  entityType?: string | undefined
  entityId?: string | number | undefined
  metadata?: MetadataOf<T> | undefined
  /** How long it took, in milliseconds. */
  durationMs?: number | undefined
  /** What was around it: route, viewport, open project. */
  contextSnapshot?: Record<string, unknown> | undefined
  /** Send at once, without waiting for a batch. */
  immediate?: boolean | undefined
}

export interface TrackedEvent extends TrackOptions {
  type: string
}

export interface TimedEvent {
  /** Records the event with the time since `trackTimed`; only the first call counts. */
  complete(metadata?: Record<string, unknown>): string | undefined
  /** Records nothing. */
  cancel(): void
}

export interface TrackerOptions {
  /** Where the service answers, `https://events.example.com`; by default the page's own origin. */
  endpoint?: string | undefined
  /** Who acts. Until it is known, events wait in memory for `identify`. */
  userEmail?: string | null | undefined
  /** A write key (`ae_write_...`); it is public, and may only log. */
  key?: string | undefined
  /** The user's token (a JWT of your application), asked for at each request. */
  getToken?: (() => string | Promise<string>) | undefined
  /** Events that wait before a request is made. 10. */
  batchSize?: number | undefined
  /** How long an event waits at most before a request is made, in milliseconds. 5,000. */
  flushIntervalMs?: number | undefined
  /** Without an event for so long, a new session begins. 30. */
  sessionTimeoutMinutes?: number | undefined
  /** When a request that nobody answers is given up, in milliseconds. 30,000. */
  requestTimeoutMs?: number | undefined
  /** What the journal may hold; past it the oldest events are dropped. 2,000,000. */
  maxQueueBytes?: number | undefined
  /** Unsent events older than this are dropped. 30. */
  maxAgeDays?: number | undefined
  /** Sees each event before it is kept; returns what to keep, or null to drop it. */
  sanitize?: ((event: TrackedEvent) => TrackedEvent | null) | undefined
  /** Records nothing under Do Not Track and Global Privacy Control. true. */
  respectPrivacySignals?: boolean | undefined
  /** What its keys in the browser's storage begin with, and its lock is called. `activity`. */
  namespace?: string | undefined
}

export interface TrackerError {
  /** The HTTP status; 0 when there was no answer. */
  status: number
  code: string
  message: string
}

export interface DeadLetter extends TrackerError {
  /** The event as it was sent, JSON; of a large one, the beginning. */
  event: string
}

export interface TrackerStatus {
  /** Events that have no verdict of the server yet, of all tabs. */
  queueSize: number
  /** Those of them that are on their way. */
  inFlight: number
  /** Events given up since the page was loaded: too old, too many bytes, or refused for good. */
  dropped: number
  /** The last events that were refused for good, each with its reason. */
  deadLetters: readonly DeadLetter[]
  lastError: TrackerError | null
  /** When the server last acknowledged events, in milliseconds since the epoch. */
  lastAckAt: number | null
  online: boolean
  /** Whether this is the tab that sends, for all tabs. */
  isSender: boolean
  /** Where unsent events are kept: `local` survives everything, `memory` only lives as the page. */
  storage: 'local' | 'indexeddb' | 'memory'
  sessionId: string
  /** False after an opt-out, and under a privacy signal: nothing is kept or sent. */
  enabled: boolean
}

export interface Tracker {
  /** Keeps an event, and returns its id; undefined where nothing may be recorded. Never throws. */
  track<T extends EventType>(type: T, options?: TrackOptions<T>): string | undefined
  trackBatch(events: readonly { type: EventType; options?: TrackOptions }[]): (string | undefined)[]
  trackPageView(page: string, metadata?: Record<string, unknown>): string | undefined
  trackTimed<T extends EventType>(type: T, options?: TrackOptions<T>): TimedEvent
  /** Sends what waits, unless it is waiting for the server; whether all of it has its verdict. */
  flush(): Promise<boolean>
  /** Whose events follow; null: nobody's, nothing is recorded. Another user is another session. */
  identify(userEmail: string | null): void
  /** Forgets what was not sent, in every tab, and records no more; whether the server knows too. */
  optOut(): Promise<boolean>
  optIn(): Promise<boolean>
  /** The same object until something changes. */
  status(): TrackerStatus
  subscribe(listener: () => void): () => void
  /** Sends what it can, and lets go of everything. Unsent events stay for the next page. */
  shutdown(): void
}
