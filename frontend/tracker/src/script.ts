import { EVENT_TYPES } from './event-types'
import { createTracker } from './tracker'
import type { TrackerOptions } from './types'

const script = document.currentScript as HTMLScriptElement | null
// Events are sent to the service that serves this script.
const endpoint = script ? new URL(script.src).origin : undefined

Object.assign(window, {
  activityEvents: {
    EVENT_TYPES,
    createTracker: (options?: TrackerOptions) => createTracker({ endpoint, ...options }),
  },
})
