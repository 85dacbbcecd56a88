import { EVENT_TYPES } from './event-types'
import { createTracker } from './tracker'
import type { TrackerOptions } from './types'

type Command = () => void
const scope = globalThis as { activityEvents?: { q?: Command[] } }
const script = globalThis.document?.currentScript as HTMLScriptElement | null | undefined
// Events are sent to the service that serves this script; text without an address is the page's.
const endpoint = script?.src.startsWith('http') ? new URL('.', script.src).href : undefined
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
