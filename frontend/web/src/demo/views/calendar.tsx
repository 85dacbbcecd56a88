import { EVENT_TYPES, useActivityTracker } from '@activity-events/tracker/react'
import { useState } from 'react'
import { Dialog } from '../dialog'
import type { CalendarEvent } from '../hub'
import { useHub } from '../store'

const VIEWS = ['day', 'week', 'month'] as const
const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday']

export function Calendar() {
  const [hub] = useHub()
  const { track } = useActivityTracker()
  const [view, setView] = useState<(typeof VIEWS)[number]>('week')
  const [shown, setShown] = useState<CalendarEvent | null>(null)
  const today = Math.min((new Date().getDay() + 6) % 7, DAYS.length - 1)
  const days = view === 'day' ? DAYS.slice(today, today + 1) : DAYS
  const open = (event: CalendarEvent) => {
    setShown(event)
    track(EVENT_TYPES.CALENDAR_EVENT_OPENED, { entityType: 'calendar_event', entityId: event.id })
  }
  const change = (wanted: typeof view) => {
    setView(wanted)
    track(EVENT_TYPES.CALENDAR_VIEW_CHANGED, { metadata: { view: wanted, from: view } })
  }
  return (
    <>
      <div className="head-row">
        <h1>Calendar</h1>
        <div className="row">
          {VIEWS.map((each) => (
            <button
              key={each}
              type="button"
              className="button small"
              aria-pressed={each === view}
              onClick={() => change(each)}
            >
              {each}
            </button>
          ))}
        </div>
      </div>
      {(view === 'month' ? ['This week', 'Next week', 'In two weeks', 'In three weeks'] : ['']).map(
        (week) => (
          <section key={week}>
            {week && <h2>{week}</h2>}
            <ul className="days">
              {days.map((day) => (
                <li key={day} className="tile">
                  <h3>{day}</h3>
                  {hub.calendar
                    .filter((event) => DAYS[event.weekday] === day)
                    .map((event) => (
                      <button
                        key={event.id}
                        type="button"
                        className="slot"
                        onClick={() => open(event)}
                      >
                        {event.hour}:00 {event.title}
                      </button>
                    ))}
                </li>
              ))}
            </ul>
          </section>
        ),
      )}
      {shown && (
        <Dialog modal="calendar_event" title={shown.title} onClose={() => setShown(null)}>
          <p>
            {DAYS[shown.weekday]}, {shown.hour}:00
          </p>
          <form method="dialog">
            <button type="submit" className="button">
              Close
            </button>
          </form>
        </Dialog>
      )}
    </>
  )
}
