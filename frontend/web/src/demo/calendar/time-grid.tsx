import type { CSSProperties } from 'react'
import { clockOf, fullDay, isSameDay, shortDay } from '../days'
import { type CalendarEvent, eventsOn } from './events'

const FIRST_HOUR = 8
const LAST_HOUR = 18
const HOURS = Array.from({ length: LAST_HOUR - FIRST_HOUR }, (_, index) => FIRST_HOUR + index)

/** One or more days side by side; the height of an event is its duration. */
export function TimeGrid({
  days,
  onOpen,
}: {
  days: Date[]
  onOpen: (event: CalendarEvent) => void
}) {
  return (
    <div className="time-grid" style={{ '--days': days.length } as CSSProperties}>
      <div className="hours" aria-hidden="true">
        {HOURS.map((hour) => (
          <span key={hour}>{clockOf(hour * 60)}</span>
        ))}
      </div>
      {days.map((day) => (
        <div className="day" key={day.getTime()} data-today={isSameDay(day, new Date())}>
          <h2>
            <span aria-hidden="true">{shortDay(day)}</span>
            <span className="visually-hidden">{fullDay(day)}</span>
          </h2>
          <ul className="day-events">
            {eventsOn(day).map((event) => (
              <li key={event.id} style={placeOf(event)}>
                <button
                  type="button"
                  className="event"
                  data-kind={event.kind}
                  onClick={() => onOpen(event)}
                >
                  <strong>{event.title}</strong>
                  <span>
                    {clockOf(event.startsAt)} · {event.place}
                  </span>
                </button>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </div>
  )
}

function placeOf({ startsAt, lastsMinutes }: CalendarEvent): CSSProperties {
  return { '--from': startsAt / 60 - FIRST_HOUR, '--hours': lastsMinutes / 60 } as CSSProperties
}
