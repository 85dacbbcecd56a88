// Events as a timeline: time, type and entity; all fields on request.
import { memo, useState } from 'react'
import type { ActivityEvent } from '../api/types'
import { moment, span, words } from '../view/format'
import { UserLink } from './user-link'

export function EventList({
  events,
  tz,
  showUser = false,
}: {
  events: readonly ActivityEvent[]
  tz: string
  showUser?: boolean
}) {
  return (
    <ol className="events">
      {events.map((event) => (
        <EventItem
          key={`${event.user_email} ${event.event_id}`}
          event={event}
          tz={tz}
          showUser={showUser}
        />
      ))}
    </ol>
  )
}

const EventItem = memo(function EventItem({
  event,
  tz,
  showUser,
}: {
  event: ActivityEvent
  tz: string
  showUser: boolean
}) {
  const [isOpen, setOpen] = useState(false)
  return (
    <li className="event" data-category={event.event_category}>
      <time dateTime={event.event_timestamp} title={event.event_timestamp}>
        {moment(event.event_timestamp, tz, 'second')}
      </time>
      <div className="event-what">
        <button
          type="button"
          className="event-type"
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          {words(event.event_type)}
        </button>
        {event.entity_id && (
          <span className="quiet-text">
            {event.entity_type}/{event.entity_id}
          </span>
        )}
        {event.duration_ms !== null && (
          <span className="quiet-text">{span(event.duration_ms)}</span>
        )}
        {showUser && <UserLink email={event.user_email} />}
        {isOpen && <pre>{JSON.stringify(event, null, 2)}</pre>}
      </div>
    </li>
  )
})
