export { EVENT_TYPES, type KnownEventType } from './event-types'
export { createTracker } from './tracker'
export type * from './types'
