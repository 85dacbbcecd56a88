import type { KnownEventType } from './event-types'

/**
 * Declares the metadata of your own event types:
 *
 *     declare module '@activity-events/tracker' {
 *       interface EventMap { project_created: { priority: 'high' | 'low' } }
 *     }
 */
// biome-ignore lint/suspicious/noEmptyInterface: teams merge their declarations into it
export interface EventMap {}

export type EventType = KnownEventType | keyof EventMap | (string & {})

export type MetadataOf<T> = T extends keyof EventMap ? EventMap[T] : object

export interface TrackOptions<T = string> {
  /** Type of the affected entity: `project`. */
  entityType?: string | undefined
  entityId?: string | number | undefined
  metadata?: MetadataOf<T> | undefined
  /** Duration in milliseconds. */
  durationMs?: number | undefined
  /** Surrounding state: route, viewport, open project. */
  contextSnapshot?: object | undefined
  /** Sends immediately instead of with the next batch. */
  immediate?: boolean | undefined
}

export interface TrackedEvent extends TrackOptions {
  type: string
}

export interface TimedEvent {
  /** Records the event with the duration since `trackTimed`; only the first call has an effect. */
  complete(metadata?: object): string | undefined
  /** Records nothing. */
  cancel(): void
}

export interface TrackerOptions {
  /** Base URL of the service, `https://events.example.com`; default: the page's origin. */
  endpoint?: string | undefined
  /** Path of the service's batch endpoint. Default: `/api/events/log/batch`. */
  path?: string | undefined
  /** Email of the user. While undefined, events are stored and wait for `identify`. */
  userEmail?: string | null | undefined
  /** A write key (`ae_write_...`): public, with access to logging only. */
  key?: string | undefined
  /** Returns the user's token (a JWT of your application); called for each request. */
  getToken?: (() => string | Promise<string>) | undefined
  /** Number of queued events that triggers a request. Default: 10. */
  batchSize?: number | undefined
  /** Maximum delay before queued events are sent, in milliseconds. Default: 5,000. */
  flushIntervalMs?: number | undefined
  /** Session timeout: inactivity after which a new session starts. Default: 30. */
  sessionTimeoutMinutes?: number | undefined
  /** Request timeout in milliseconds. Default: 30,000. */
  requestTimeoutMs?: number | undefined
  /** Maximum size of the queue; beyond it, the oldest events are dropped. Default: 10,000,000. */
  maxQueueBytes?: number | undefined
  /** Unsent events older than this are dropped. Default: 30. */
  maxAgeDays?: number | undefined
  /** Filters each event before it is stored; returns the event to store, or null to drop it. */
  sanitize?: ((event: TrackedEvent) => TrackedEvent | null) | undefined
  /** Disables tracking under Do Not Track and Global Privacy Control. Default: true. */
  respectPrivacySignals?: boolean | undefined
  /**
   * Prefix of storage keys and of the lock's name, followed by the endpoint: what waits for one
   * service is never sent to another. Default: `activity`.
   */
  namespace?: string | undefined
}

export interface TrackerError {
  /** HTTP status; 0 without a response. */
  status: number
  code: string
  message: string
}

export interface DeadLetter extends TrackerError {
  /** The event as JSON; truncated if large. */
  event: string
}

export interface TrackerStatus {
  /** Unacknowledged events of all tabs. */
  queueSize: number
  /** Events in requests without a response yet. */
  inFlight: number
  /** Events dropped since the page load: too old, over the size limit, or rejected. */
  dropped: number
  /** The last permanently rejected events, with their errors. */
  deadLetters: readonly DeadLetter[]
  lastError: TrackerError | null
  /** Time of the last acknowledgement, in milliseconds since the epoch. */
  lastAckAt: number | null
  online: boolean
  /** Whether this tab sends the events of all tabs. */
  isSender: boolean
  /** Storage of unsent events: `local` survives crashes, `memory` is lost with the page. */
  storage: 'local' | 'indexeddb' | 'memory'
  sessionId: string
  /** False after an opt-out or under a privacy signal: no event is stored or sent. */
  enabled: boolean
}

export interface Tracker {
  /** Stores an event and returns its id; undefined if tracking is disabled. Never throws. */
  track<T extends EventType>(type: T, options?: TrackOptions<T>): string | undefined
  trackBatch(events: readonly { type: EventType; options?: TrackOptions }[]): (string | undefined)[]
  trackPageView(page: string, metadata?: object): string | undefined
  trackTimed<T extends EventType>(type: T, options?: TrackOptions<T>): TimedEvent
  /** Sends all queued events unless a retry delay is active; resolves to whether the queue is empty. */
  flush(): Promise<boolean>
  /** Sets the user of the following events; null stops tracking. A new user starts a new session. */
  identify(userEmail: string | null): void
  /** Deletes unsent events and stops tracking in all tabs; resolves to whether the server confirmed. */
  optOut(): Promise<boolean>
  optIn(): Promise<boolean>
  /** The current status; the same object until a value changes. */
  status(): TrackerStatus
  subscribe(listener: () => void): () => void
  /**
   * Replaces options; the next request uses the newest `key`, `getToken` and `endpoint`. Events that
   * wait for an earlier endpoint are never sent to another. Other options also change, except
   * `namespace`; use `identify` for the user.
   */
  configure(options: TrackerOptions): void
  /** Sends as many events as possible and stops. Unsent events stay for the next page. */
  shutdown(): void
}
