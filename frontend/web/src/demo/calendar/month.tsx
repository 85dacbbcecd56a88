import { clockOf, fullDay, isSameDay, weeksOf } from '../days'
import { type CalendarEvent, eventsOn } from './events'

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

export function Month({
  month,
  onOpen,
  onDay,
}: {
  month: Date
  onOpen: (event: CalendarEvent) => void
  onDay: (day: Date) => void
}) {
  return (
    <table className="month">
      <thead>
        <tr>
          {WEEKDAYS.map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {weeksOf(month).map((week) => (
          <tr key={week[0]?.getTime()}>
            {week.map((day) => (
              <td
                key={day.getTime()}
                data-today={isSameDay(day, new Date())}
                data-other={day.getMonth() !== month.getMonth()}
              >
                <button type="button" className="month-day" onClick={() => onDay(day)}>
                  <span aria-hidden="true">{day.getDate()}</span>
                  <span className="visually-hidden">{fullDay(day)}</span>
                </button>
                {eventsOn(day).map((event) => (
                  <button
                    key={event.id}
                    type="button"
                    className="event"
                    data-kind={event.kind}
                    onClick={() => onOpen(event)}
                  >
                    <span className="clock">{clockOf(event.startsAt)}</span>{' '}
                    <span className="event-title">{event.title}</span>
                  </button>
                ))}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}
