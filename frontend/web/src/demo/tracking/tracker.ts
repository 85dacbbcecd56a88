// The tracker of Workhub. A product needs only the options of `ActivityTrackerProvider`; the list of
// recent events is for the tracker panel.

import { createTracker, type TrackedEvent } from '@activity-events/tracker/react'
import { BASE_PATH } from '../../base-path'

const STORAGE_KEY = 'workhub-write-key'
const RECENT_MAX = 10

export interface RecentEvent {
  number: number
  type: string
  /** The entity’s id, such as `p-17`; empty without an entity. */
  entity: string
}

let recent: readonly RecentEvent[] = []

/** The last events of this page, newest first; the same array until an event is added. */
export const recentEvents = () => recent

function remember(event: TrackedEvent): TrackedEvent {
  const number = (recent[0]?.number ?? 0) + 1
  const entity = String(event.entityId ?? '')
  recent = [{ number, type: event.type, entity }, ...recent].slice(0, RECENT_MAX)
  return event
}

export function writeKey(): string {
  try {
    return sessionStorage.getItem(STORAGE_KEY) ?? ''
  } catch {
    return '' // storage is blocked
  }
}

/** The next request uses the key, which this tab remembers. */
export function setWriteKey(key: string) {
  tracker.configure({ key: key || undefined })
  try {
    if (key) sessionStorage.setItem(STORAGE_KEY, key)
    else sessionStorage.removeItem(STORAGE_KEY)
  } catch {
    // storage is blocked: the key is forgotten with the page
  }
}

export const tracker = createTracker({
  endpoint: location.origin + BASE_PATH,
  key: writeKey() || undefined,
  sanitize: remember,
})
