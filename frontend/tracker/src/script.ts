import { createTracker as create } from './tracker'
import type { TrackerOptions } from './types'

export { EVENT_TYPES } from './event-types'

const script = document.currentScript as HTMLScriptElement | null
// The service that this script comes from is the one that it talks to.
const endpoint = script ? new URL(script.src).origin : undefined

export const createTracker = (options?: TrackerOptions) => create({ endpoint, ...options })
