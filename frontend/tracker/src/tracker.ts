import { createCore, type OpenTracker } from './core'
import { endpointOf } from './request'
import type { Tracker, TrackerOptions } from './types'

/** Shared by all copies of this package on a page. The number changes with `OpenTracker`. */
const REGISTRY = Symbol.for('activity-events.1')

const scope = globalThis as { [REGISTRY]?: Map<string, OpenTracker> }

/**
 * Returns a tracker, which records the events of this page's user. All trackers of a page with the
 * same endpoint and namespace share one queue; the newest options count. Never throws.
 */
export function createTracker(given?: TrackerOptions): Tracker {
  let options = { ...given }
  let inner: Tracker | undefined
  let current: string | undefined
  const listeners = new Set<() => void>()
  const notify = () => {
    for (const listener of listeners) listener()
  }

  /** Connects to the core of the options' endpoint; returns it if that has changed. */
  const connect = () => {
    const base = endpointOf(options)
    const namespace = options.namespace ?? 'activity'
    const name = `${namespace}<${base}>`
    if (name === current) return undefined
    inner?.shutdown()
    current = name
    scope[REGISTRY] ??= new Map()
    const registry = scope[REGISTRY]
    const open =
      registry.get(name) ??
      createCore(name, namespace, base, { ...options }, () => registry.delete(name))
    // A server renders for many users: nothing is shared there.
    if (base) registry.set(name, open)
    inner = open(options)
    inner.subscribe(notify)
    return inner
  }

  const tracker = {} as Record<string, unknown>
  for (const method of Object.keys(connect() as Tracker)) {
    tracker[method] = (...values: unknown[]) =>
      (inner as unknown as Record<string, (...values: unknown[]) => unknown>)[method]?.(...values)
  }
  return Object.assign(tracker as unknown as Tracker, {
    subscribe(listener: () => void) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    identify(userEmail: string | null) {
      options = { ...options, userEmail }
      inner?.identify(userEmail)
    },
    configure(changes: TrackerOptions) {
      options = { ...options, ...changes }
      connect() ? notify() : inner?.configure(changes)
    },
  })
}
