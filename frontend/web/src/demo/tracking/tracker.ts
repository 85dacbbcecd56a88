// The one tracker of Workhub. A product needs only the options at `ActivityTrackerProvider`; what is noted here besides is for the panel in the corner.
import { createTracker, type TrackedEvent } from '@activity-events/tracker/react'

const KEY_KEPT_AS = 'workhub-write-key'
const RECENT_MAX = 10

export interface RecentEvent {
  number: number
  type: string
  /** `p-17`, where it happened to something. */
  entity: string
}

let recent: readonly RecentEvent[] = []

/** The last events of this page, newest first; the same array until there is another. */
export const recentEvents = () => recent

function note(event: TrackedEvent): TrackedEvent {
  const number = (recent[0]?.number ?? 0) + 1
  const entity = String(event.entityId ?? '')
  recent = [{ number, type: event.type, entity }, ...recent].slice(0, RECENT_MAX)
  return event
}

export function writeKey(): string {
  try {
    return sessionStorage.getItem(KEY_KEPT_AS) ?? ''
  } catch {
    return '' // storage is blocked
  }
}

/** A tracker has one key for good: the page begins anew with it. Its unsent events are kept. */
export function setWriteKey(key: string) {
  try {
    if (key) sessionStorage.setItem(KEY_KEPT_AS, key)
    else sessionStorage.removeItem(KEY_KEPT_AS)
  } catch {
    return
  }
  location.reload()
}

export const tracker = createTracker({ key: writeKey() || undefined, sanitize: note })

// After refusals the tracker waits ever longer; with a new key there is no reason to.
if (writeKey()) window.dispatchEvent(new Event('online'))
