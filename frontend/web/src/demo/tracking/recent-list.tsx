import { useActivityTracker } from '@activity-events/tracker/react'
import { useSyncExternalStore } from 'react'
import { type Fate, fatesOf } from './fate'
import { recentEvents, tracker } from './tracker'

const MARKS: Record<Fate, string> = { queued: '○', sending: '◐', acknowledged: '✓' }

/** The last events of this page, and what became of them. */
export function RecentList() {
  const { status } = useActivityTracker()
  const events = useSyncExternalStore(tracker.subscribe, recentEvents)
  const fates = fatesOf(events.length, status.queueSize, status.inFlight)
  return (
    <section aria-label="Last events">
      <ul className="recent">
        {events.map(({ number, type, entity }, index) => {
          const fate = fates[index] ?? 'queued'
          return (
            <li key={number} data-fate={fate}>
              <span className="fate" title={fate} aria-hidden="true">
                {MARKS[fate]}
              </span>
              <code>{type}</code>
              <span className="quiet-text">{entity}</span>
              <span className="visually-hidden">{fate}</span>
            </li>
          )
        })}
      </ul>
    </section>
  )
}
