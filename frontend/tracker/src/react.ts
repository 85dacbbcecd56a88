import {
  createContext,
  createElement,
  type ReactNode,
  useContext,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useSyncExternalStore,
} from 'react'
import { createTracker } from './tracker'
import type { Tracker, TrackerOptions, TrackerStatus } from './types'

export * from './index'

const trackers = new Map<string, Tracker>()
const Context = createContext<Tracker | null>(null)

const SERVER_STATUS: TrackerStatus = {
  queueSize: 0,
  inFlight: 0,
  dropped: 0,
  deadLetters: [],
  lastError: null,
  lastAckAt: null,
  online: false,
  isSender: false,
  storage: 'memory',
  sessionId: '',
  enabled: false,
}

/** One tracker per page; the first caller sets the options. */
function trackerOfPage(options: TrackerOptions): Tracker {
  if (typeof document === 'undefined') return createTracker(options)
  const name = `${options.endpoint ?? ''} ${options.namespace ?? ''}`
  const tracker = trackers.get(name) ?? createTracker(options)
  trackers.set(name, tracker)
  return tracker
}

export interface ActivityTrackerProviderProps extends Omit<TrackerOptions, 'key'> {
  /** The tracker's `key`; React reserves the prop name `key` and never passes it on. */
  writeKey?: string | undefined
  /** An existing tracker to use instead of the page's own. */
  tracker?: Tracker
  children?: ReactNode
}

/** Sets the endpoint, key and user once; below it, `useActivityTracker()` takes no arguments. */
export function ActivityTrackerProvider(props: ActivityTrackerProviderProps) {
  const { tracker: ownTracker, children, writeKey, ...options } = props
  const tracker = ownTracker ?? trackerOfPage({ ...options, key: writeKey })
  useUser(tracker, options.userEmail)
  return createElement(Context.Provider, { value: tracker }, children)
}

/** Identifies the user before any effect tracks events; undefined after a known user: logged out. */
function useUser(tracker: Tracker, userEmail: string | null | undefined) {
  const previous = useRef<string | null>(undefined)
  useLayoutEffect(() => {
    if (userEmail !== undefined || previous.current) tracker.identify(userEmail ?? null)
    previous.current = userEmail
  }, [tracker, userEmail])
}

/**
 * StrictMode runs the effects of a new component twice in a row. An event that both runs record is
 * recorded once.
 */
function useOnce() {
  const firstRun = useRef<[call: string, id: unknown][]>(null)
  const isReplay = useRef(false)
  useLayoutEffect(() => {
    isReplay.current = !!firstRun.current
    firstRun.current ??= []
  }, [])
  useEffect(() => {
    const timer = setTimeout(() => {
      firstRun.current = null
      isReplay.current = false
    })
    return () => clearTimeout(timer)
  }, [])
  return useMemo(() => {
    return <A extends unknown[], R>(name: string, record: (...values: A) => R) =>
      (...values: A): R => {
        const calls = firstRun.current
        if (!calls) return record(...values)
        const call = name + JSON.stringify(values)
        const index = isReplay.current ? calls.findIndex(([recorded]) => recorded === call) : -1
        if (index >= 0) return calls.splice(index, 1)[0]?.[1] as R
        const id = record(...values)
        if (!isReplay.current) calls.push([call, id])
        return id
      }
  }, [])
}

/**
 * Records user activity: `const { track } = useActivityTracker(userEmail)`.
 *
 * All functions are stable between renders. The options are those of `createTracker`; the first
 * caller or `ActivityTrackerProvider` sets them.
 */
export function useActivityTracker(userEmail?: string | null, options: TrackerOptions = {}) {
  const provided = useContext(Context)
  const tracker = provided ?? trackerOfPage({ userEmail, ...options })
  const once = useOnce()
  useUser(tracker, userEmail)
  const status = useSyncExternalStore(tracker.subscribe, tracker.status, () => SERVER_STATUS)
  const actions = useMemo(
    () => ({
      track: once('t', tracker.track) as Tracker['track'],
      trackBatch: once('b', tracker.trackBatch),
      trackPageView: once('p', tracker.trackPageView),
      trackTimed: tracker.trackTimed,
      flush: tracker.flush,
      optOut: tracker.optOut,
      optIn: tracker.optIn,
    }),
    [tracker, once],
  )
  return { ...actions, queueSize: status.queueSize, sessionId: status.sessionId, status }
}
