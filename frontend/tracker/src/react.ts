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

/** One tracker a page; the options of whoever asks first are its own. */
function trackerOfPage(options: TrackerOptions): Tracker {
  if (typeof document === 'undefined') return createTracker(options)
  const name = `${options.endpoint ?? ''} ${options.namespace ?? ''}`
  const tracker = trackers.get(name) ?? createTracker(options)
  trackers.set(name, tracker)
  return tracker
}

export interface ActivityTrackerProviderProps extends Omit<TrackerOptions, 'key'> {
  /** The tracker's `key`: a prop of that name is React's own, and never arrives. */
  writeKey?: string | undefined
  /** A tracker of your own, instead of the page's. */
  tracker?: Tracker
  children?: ReactNode
}

/** Sets the endpoint, key and user once; below it, `useActivityTracker()` needs nothing. */
export function ActivityTrackerProvider(props: ActivityTrackerProviderProps) {
  const { tracker: given, children, writeKey, ...options } = props
  const tracker = given ?? trackerOfPage({ ...options, key: writeKey })
  useUser(tracker, options.userEmail)
  return createElement(Context.Provider, { value: tracker }, children)
}

/** Before any effect of the page tracks something; undefined after a user was known: logged out. */
function useUser(tracker: Tracker, userEmail: string | null | undefined) {
  const known = useRef<string | null>(undefined)
  useLayoutEffect(() => {
    if (userEmail !== undefined || known.current) tracker.identify(userEmail ?? null)
    known.current = userEmail
  }, [tracker, userEmail])
}

/**
 * StrictMode runs the effects of a new component twice, at once. What they record in the second
 * run, and have recorded in the first, happened once.
 */
function useOnce() {
  const first = useRef<[call: string, id: unknown][]>(null)
  const isReplay = useRef(false)
  useLayoutEffect(() => {
    isReplay.current = !!first.current
    first.current ??= []
  }, [])
  useEffect(() => {
    const timer = setTimeout(() => {
      first.current = null
      isReplay.current = false
    })
    return () => clearTimeout(timer)
  }, [])
  return useMemo(() => {
    return <A extends unknown[], R>(name: string, record: (...values: A) => R) =>
      (...values: A): R => {
        const calls = first.current
        if (!calls) return record(...values)
        const call = name + JSON.stringify(values)
        const index = isReplay.current ? calls.findIndex(([each]) => each === call) : -1
        if (index >= 0) return calls.splice(index, 1)[0]?.[1] as R
        const id = record(...values)
        if (!isReplay.current) calls.push([call, id])
        return id
      }
  }, [])
}

/**
 * Records what the user does: `const { track } = useActivityTracker(userEmail)`.
 *
 * All functions stay the same from render to render. Options are those of `createTracker`, and are
 * taken from whoever asks first, or from `ActivityTrackerProvider`.
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
