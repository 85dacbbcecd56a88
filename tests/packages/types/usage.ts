// What an application writes; compiled in each module system by test_types.py. A type that does not
// resolve becomes `any`, and then the errors that are expected here are missing.
import {
  createTracker,
  EVENT_TYPES,
  type Tracker,
  type TrackerOptions,
  type TrackerStatus,
  type TrackOptions,
} from '@activity-events/tracker'
import {
  type ActivityTracker,
  ActivityTrackerProvider,
  type ActivityTrackerProviderProps,
  EVENT_TYPES as SAME_TYPES,
  useActivityStatus,
  useActivityTracker,
} from '@activity-events/tracker/react'
import { createElement } from 'react'

declare module '@activity-events/tracker' {
  interface EventMap {
    invoice_paid: { amount: number; currency: 'EUR' | 'USD' }
  }
}

interface Plan {
  name: string
}
const plan: Plan = { name: 'team' }

const options: TrackerOptions = { key: 'ae_write_x', getToken: async () => 'token' }
const tracker: Tracker = createTracker(options)
tracker.track(EVENT_TYPES.PROJECT_CREATED, { entityType: 'project', entityId: 42, metadata: plan })
tracker.track('invoice_paid', { metadata: { amount: 1, currency: 'EUR' } })
tracker.trackPageView('/', plan)
tracker.configure({ key: 'ae_write_y' })
// @ts-expect-error: the currency is missing
tracker.track('invoice_paid', { metadata: { amount: 1 } })
// @ts-expect-error: metadata is an object
tracker.track('other', { metadata: 'text' })
// @ts-expect-error: there is no such option
createTracker({ writeKey: 'x' })
// @ts-expect-error: there is no such type
EVENT_TYPES.NO_SUCH_TYPE
// @ts-expect-error: there is no such type
SAME_TYPES.NO_SUCH_TYPE

const timed = tracker.trackTimed('wizard_completed')
const id: string | undefined = timed.complete(plan)
const status: TrackerStatus = tracker.status()
const queued: number = status.queueSize
const details: TrackOptions<'invoice_paid'> = { metadata: { amount: 2, currency: 'USD' } }

export function Page() {
  const activity: ActivityTracker = useActivityTracker()
  // @ts-expect-error: the hook has no status
  activity.queueSize
  activity.track('invoice_paid', details)
  return createElement('p', null, useActivityStatus().queueSize, activity.sessionId, id, queued)
}

const props: ActivityTrackerProviderProps = { writeKey: 'ae_write_x', userEmail: null }
export const app = createElement(ActivityTrackerProvider, props, createElement(Page))
// @ts-expect-error: React keeps `key`, the provider has `writeKey`
createElement(ActivityTrackerProvider, { key: 1, userEmail: 1 })
