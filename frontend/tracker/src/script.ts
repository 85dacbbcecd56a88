import { EVENT_TYPES } from './event-types'
import { createTracker } from './tracker'
import type { TrackerOptions } from './types'

const script = document.currentScript as HTMLScriptElement | null
// The service that this script comes from is the one that it talks to.
const endpoint = script ? new URL(script.src).origin : undefined

Object.assign(window, {
  activityEvents: {
    EVENT_TYPES,
    createTracker: (options?: TrackerOptions) => createTracker({ endpoint, ...options }),
  },
})
