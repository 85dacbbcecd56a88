import {
  createContext,
  createElement,
  type ReactNode,
  useContext,
  useEffect,
  useInsertionEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react'
import { createTracker } from './index'
import { createReplayGuard, isDevelopment } from './strict-mode'
import type { TimedEvent, TrackedEvent, Tracker, TrackerOptions, TrackerStatus } from './types'

export type * from './index'
// By name: a client module of React Server Components can't export everything of another one.
export { createTracker, EVENT_TYPES } from './index'

/** What `useActivityTracker` returns: the same object and functions as long as a component lives. */
export interface ActivityTracker
  extends Pick<
    Tracker,
    'track' | 'trackBatch' | 'trackPageView' | 'trackTimed' | 'flush' | 'optOut' | 'optIn'
  > {
  /** The current session, read without a subscription; `useActivityStatus` has it for rendering. */
  readonly sessionId: string
}

type Functions = Pick<TrackerOptions, 'getToken' | 'sanitize'>

/** Options and their tracker, which effects and calls create when it is first needed. */
interface Source {
  tracker(): Tracker
  configure(options: TrackerOptions): void
  /** Keeps those of the newest render. */
  keep(functions: Functions): void
  status(): TrackerStatus
  subscribe(listener: () => void): () => void
  /** The users that mounted components name; there should be one. */
  users(): Map<object, string>
}

const INITIAL_STATUS: TrackerStatus = {
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

const Context = createContext<Source | null>(null)
const isServer = typeof document === 'undefined'
const useClientLayoutEffect = isServer ? useEffect : useLayoutEffect
const sources = new Map<string, Source>()
let providedSource: Source | undefined

/** The source of some options; `isDefault` is one without options, which a provider replaces. */
function createSource(options: TrackerOptions, existing?: Tracker, isDefault = false): Source {
  let functions: Functions = options
  let tracker = existing
  const users = new Map<object, string>()
  // Functions of the source's own, as those of a component are new ones at each render.
  const stable = {
    getToken: async () => (await functions.getToken?.()) ?? '',
    sanitize: (event: TrackedEvent) => (functions.sanitize ? functions.sanitize(event) : event),
  }
  const provided = () => (isDefault ? providedSource : undefined)
  const source: Source = {
    tracker() {
      const replacement = provided()
      if (replacement) return replacement.tracker()
      tracker ??= createTracker(options)
      return tracker
    },
    configure(newest) {
      if (provided()) return
      const { getToken, sanitize } = newest
      source.tracker().configure({
        ...newest,
        ...(getToken && { getToken: stable.getToken }),
        ...(sanitize && { sanitize: stable.sanitize }),
      })
    },
    keep(newest) {
      if (!provided()) functions = { ...functions, ...newest }
    },
    status: () => provided()?.status() ?? tracker?.status() ?? INITIAL_STATUS,
    subscribe: (listener) => source.tracker().subscribe(listener),
    users: () => provided()?.users() ?? users,
  }
  return source
}

/** The source of components outside of a provider: that of their endpoint, or a provider's. */
function sourceOfPage(options: TrackerOptions): Source {
  const name = `${options.endpoint ?? ''} ${options.namespace ?? ''}`
  const source = sources.get(name) ?? createSource(options, undefined, name === ' ')
  // A server answers many users: nothing is shared there.
  if (!isServer) sources.set(name, source)
  return source
}

export interface ActivityTrackerProviderProps extends Omit<TrackerOptions, 'key'> {
  /** The tracker's `key`; React reserves the prop name `key` and never passes it on. */
  writeKey?: string | undefined
  /** An existing tracker to use instead of the page's own. */
  tracker?: Tracker | undefined
  children?: ReactNode
}

/** Sets the endpoint, key and user once; below it, `useActivityTracker()` takes no arguments. */
export function ActivityTrackerProvider(props: ActivityTrackerProviderProps) {
  const { tracker, children, writeKey, ...others } = props
  const options = { ...others, key: writeKey }
  // biome-ignore lint/correctness/useExhaustiveDependencies: later options reach it by `configure`
  const source = useMemo(() => createSource(options, tracker), [tracker])
  if (!isServer) providedSource ??= source
  useInsertionEffect(() => {
    providedSource = source
    return () => {
      if (providedSource === source) providedSource = undefined
    }
  }, [source])
  useNewestOptions(source, tracker ? undefined : options, true)
  useUser(source, options.userEmail)
  return createElement(Context.Provider, { value: source }, children)
}

// Insertion effects run before every other effect of a commit: what effects record belongs to its
// user, whatever their order.

/**
 * The next event and the next request use the options of the newest render. Those of a provider are
 * complete; a component without one changes only the options that it names.
 */
function useNewestOptions(source: Source, options?: TrackerOptions, isComplete?: boolean) {
  const newest = useRef<TrackerOptions>({})
  const { endpoint, path, key, getToken, sanitize } = options ?? {}
  useInsertionEffect(() => {
    const entries = Object.entries({ endpoint, path, key, getToken, sanitize })
    newest.current = Object.fromEntries(
      isComplete ? entries : entries.filter(([, value]) => value !== undefined),
    )
    if (options) source.keep(newest.current)
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: functions are kept above
  useInsertionEffect(() => {
    if (options) source.configure(newest.current)
    else source.tracker()
  }, [source, !options, endpoint, path, key, !getToken, !sanitize])
}

/** Identifies the user; undefined after a known user: signed out. */
function useUser(source: Source, userEmail: string | null | undefined) {
  const previous = useRef<string | null>(undefined)
  useInsertionEffect(() => {
    if (userEmail !== undefined || previous.current) source.tracker().identify(userEmail ?? null)
    previous.current = userEmail
  }, [source, userEmail])
  useEffect(() => {
    if (!isDevelopment || !userEmail) return
    source.users().set(previous, userEmail)
    const timer = setTimeout(warnOfUsers, 0, source)
    return () => {
      clearTimeout(timer)
      source.users().delete(previous)
    }
  }, [source, userEmail])
}

function warnOfUsers(source: Source) {
  const emails = [...new Set(source.users().values())]
  if (emails.length > 1) {
    console.warn(
      `[activity-events] Mounted components name ${emails.length} users: ${emails.join(', ')}. A page has one user, and all events are recorded for the last one. Name the user once, in ActivityTrackerProvider, and call useActivityTracker() without an address.`,
    )
  }
}

function createHook(first: Source) {
  let source = first
  const guard = createReplayGuard()
  const tracker: ActivityTracker = {
    track: (type, options) => guard.once('track', source.tracker().track, type, options as object),
    trackBatch: (events) => guard.once('batch', source.tracker().trackBatch, events) ?? [],
    trackPageView: (page, metadata) =>
      guard.once('page', source.tracker().trackPageView, page, metadata),
    trackTimed(type, options): TimedEvent {
      const { complete, cancel } = source.tracker().trackTimed(type, options)
      return { complete: (metadata) => guard.once(`timed ${type}`, complete, metadata), cancel }
    },
    flush: () => source.tracker().flush(),
    optOut: () => source.tracker().optOut(),
    optIn: () => source.tracker().optIn(),
    get sessionId() {
      return source.status().sessionId
    },
  }
  return {
    guard,
    tracker,
    use(newest: Source) {
      source = newest
    },
  }
}

/**
 * Records user activity: `const { track } = useActivityTracker()`.
 *
 * The object and its functions are the same for each render, and recording or sending an event
 * never renders the component; see `useActivityStatus`. The options are those of `createTracker`,
 * for components outside of `ActivityTrackerProvider`; they share one tracker per endpoint.
 */
export function useActivityTracker(
  userEmail?: string | null,
  options?: TrackerOptions,
): ActivityTracker {
  const provided = useContext(Context)
  const source = provided ?? sourceOfPage({ userEmail, ...options })
  const [hook] = useState(() => createHook(source))
  useInsertionEffect(() => hook.use(source), [hook, source])
  useNewestOptions(source, provided ? undefined : options)
  useUser(source, userEmail)
  useClientLayoutEffect(() => {
    hook.guard.mounted()
    return hook.guard.unmounted
  }, [hook])
  useEffect(() => hook.guard.settleAfterTask(), [hook])
  return hook.tracker
}

/** The tracker's status; renders the component whenever it changes, such as for `queueSize`. */
export function useActivityStatus(
  options?: Pick<TrackerOptions, 'endpoint' | 'namespace'>,
): TrackerStatus {
  const source = useContext(Context) ?? sourceOfPage(options ?? {})
  return useSyncExternalStore(source.subscribe, source.status, () => INITIAL_STATUS)
}
