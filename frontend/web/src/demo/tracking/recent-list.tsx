import { useActivityStatus } from '@activity-events/tracker/react'
import { useSyncExternalStore } from 'react'
import { type DeliveryState, deliveryStates } from './delivery-state'
import { recentEvents, tracker } from './tracker'

const MARKS: Record<DeliveryState, string> = { queued: '○', sending: '◐', acknowledged: '✓' }

/** The last events of this page with their delivery state. */
export function RecentList() {
  const status = useActivityStatus()
  const events = useSyncExternalStore(tracker.subscribe, recentEvents)
  const states = deliveryStates(events.length, status.queueSize, status.inFlight)
  return (
    <section aria-label="Recent events">
      <ul className="recent">
        {events.map(({ number, type, entity }, index) => {
          const state = states[index] ?? 'queued'
          return (
            <li key={number} data-state={state}>
              <span className="delivery-state" title={state} aria-hidden="true">
                {MARKS[state]}
              </span>
              <code>{type}</code>
              <span className="quiet-text">{entity}</span>
              <span className="visually-hidden">{state}</span>
            </li>
          )
        })}
      </ul>
    </section>
  )
}
