import { EVENT_TYPES } from './event-types'
import { createTracker } from './tracker'
import type { TrackerOptions } from './types'

type Command = () => void
const scope = globalThis as { activityEvents?: { q?: Command[] } }
const script = globalThis.document?.currentScript as HTMLScriptElement | null | undefined
const source = script?.src ?? ''
// Events are sent to the service that serves this script, which may be below a path; under a name of
// the operator's choice, to its origin. Text without an address of its own is the page's.
const endpoint = source.startsWith('http')
  ? new URL(/\/tracker\.js(\?|$)/.test(source) ? '.' : '/', source).href
  : undefined
const queue = scope.activityEvents?.q
const queued = Array.isArray(queue) ? queue : []

Object.assign(scope, {
  activityEvents: {
    EVENT_TYPES,
    createTracker: (options?: TrackerOptions) => createTracker({ endpoint, ...options }),
    q: { push: (command: Command) => command() },
  },
})
for (const command of queued) setTimeout(command)
