import { EVENT_TYPES, useActivityTracker } from '@activity-events/tracker/react'
import { useState } from 'react'
import { addDays, fullDay, mondayOf, monthOf, shortDay } from '../days'
import { Icon } from '../parts/icon'
import { PageHead, titled } from '../parts/pieces'
import { EventDialog } from './event-dialog'
import type { CalendarEvent } from './events'
import { Month } from './month'
import { TimeGrid } from './time-grid'
import './calendar.css'

const VIEWS = ['day', 'week', 'month'] as const
export type View = (typeof VIEWS)[number]

export function CalendarPage() {
  const { track } = useActivityTracker()
  const [view, setView] = useState<View>('week')
  const [day, setDay] = useState(() => new Date())
  const [opened, setOpened] = useState<CalendarEvent | null>(null)

  function changeView(to: View) {
    if (to === view) return
    setView(to)
    track(EVENT_TYPES.CALENDAR_VIEW_CHANGED, { metadata: { view: to, from: view } })
  }

  function open(event: CalendarEvent) {
    setOpened(event)
    track(EVENT_TYPES.CALENDAR_EVENT_OPENED, {
      entityType: 'calendar_event',
      entityId: event.id,
      metadata: { title: event.title, view },
    })
  }

  return (
    <>
      <PageHead title="Calendar" hint={titleOf(view, day)}>
        <fieldset className="choice">
          <legend className="visually-hidden">View</legend>
          {VIEWS.map((option) => (
            <button
              key={option}
              type="button"
              className="button small"
              aria-pressed={option === view}
              onClick={() => changeView(option)}
            >
              {titled(option)}
            </button>
          ))}
        </fieldset>
        <div className="choice">
          <StepButton
            icon="back"
            name={`Previous ${view}`}
            onClick={() => setDay(moved(view, day, -1))}
          />
          <button type="button" className="button small" onClick={() => setDay(new Date())}>
            Today
          </button>
          <StepButton
            icon="next"
            name={`Next ${view}`}
            onClick={() => setDay(moved(view, day, 1))}
          />
        </div>
      </PageHead>
      <section className="card calendar" aria-label={titleOf(view, day)}>
        {view === 'month' ? (
          <Month
            month={day}
            onOpen={open}
            onDay={(chosen) => {
              setDay(chosen)
              changeView('day')
            }}
          />
        ) : (
          <TimeGrid days={view === 'day' ? [day] : workWeekOf(day)} onOpen={open} />
        )}
      </section>
      {opened && <EventDialog event={opened} onClose={() => setOpened(null)} />}
    </>
  )
}

function StepButton({
  icon,
  name,
  onClick,
}: {
  icon: 'back' | 'next'
  name: string
  onClick: () => void
}) {
  return (
    <button type="button" className="button small icon-only" onClick={onClick}>
      <Icon name={icon} />
      <span className="visually-hidden">{name}</span>
    </button>
  )
}

function workWeekOf(day: Date): Date[] {
  const monday = mondayOf(day)
  return [0, 1, 2, 3, 4].map((days) => addDays(monday, days))
}

export function moved(view: View, day: Date, by: number): Date {
  if (view === 'month') return new Date(day.getFullYear(), day.getMonth() + by, 1)
  return addDays(day, view === 'week' ? 7 * by : by)
}

function titleOf(view: View, day: Date): string {
  if (view === 'month') return monthOf(day)
  if (view === 'day') return fullDay(day)
  const monday = mondayOf(day)
  return `${shortDay(monday)} to ${shortDay(addDays(monday, 4))}`
}
