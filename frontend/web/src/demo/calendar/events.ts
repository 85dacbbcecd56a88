// The team's calendar: weekly and biweekly events.
import { mondayOf } from '../days'

export interface CalendarEvent {
  id: string
  title: string
  place: string
  notes: string
  /** Monday is 1. */
  weekday: number
  /** In minutes since midnight. */
  startsAt: number
  lastsMinutes: number
  every: 1 | 2
  kind: 'focus' | 'meeting' | 'customer'
}

type Row = [
  id: string,
  weekday: number,
  startsAt: number,
  lasts: number,
  every: 1 | 2,
  kind: CalendarEvent['kind'],
  title: string,
  place: string,
  notes: string,
]

const ROWS: Row[] = [
  ['c-1', 1, 9 * 60 + 30, 45, 1, 'meeting', 'Week planning', 'Room Elm', 'Decide what ships.'],
  ['c-2', 1, 14 * 60, 60, 1, 'focus', 'Launch: tour script', 'Desk', 'Two minutes, no jargon.'],
  ['c-3', 2, 10 * 60, 60, 1, 'customer', 'Customer council', 'Video', 'Bring the open questions.'],
  ['c-4', 2, 15 * 60, 90, 2, 'focus', 'Design kit hour', 'Studio', 'One button, not four.'],
  ['c-5', 3, 9 * 60, 120, 1, 'focus', 'No meetings', 'Anywhere', 'Reserved for deep work.'],
  ['c-6', 3, 13 * 60, 45, 1, 'meeting', 'One to one', 'Walk', 'The agenda is yours.'],
  ['c-7', 4, 11 * 60, 30, 1, 'customer', 'Planner preview', 'Video', 'Eleven people, two offices.'],
  ['c-8', 4, 16 * 60, 60, 2, 'meeting', 'Architecture', 'Room Oak', 'Decisions are written down.'],
  ['c-9', 5, 10 * 60, 30, 1, 'meeting', 'Rollback rehearsal', 'Room Elm', 'Support decides.'],
  ['c-10', 5, 15 * 60 + 30, 60, 1, 'meeting', 'Demo and cake', 'Kitchen', 'Show, don’t tell.'],
]

export const EVENTS: CalendarEvent[] = ROWS.map(
  ([id, weekday, startsAt, lastsMinutes, every, kind, title, place, notes]) => ({
    id,
    weekday,
    startsAt,
    lastsMinutes,
    every,
    kind,
    title,
    place,
    notes,
  }),
)

/** The events of a day, in order of time. */
export function eventsOn(day: Date): CalendarEvent[] {
  const isOddWeek = weekNumber(day) % 2 === 1
  return EVENTS.filter(
    ({ weekday, every }) => weekday === day.getDay() && (every === 1 || isOddWeek),
  )
}

/** Weeks since a fixed Monday; only the parity is used. */
function weekNumber(day: Date): number {
  const first = new Date(2001, 0, 1)
  return Math.round((mondayOf(day).getTime() - first.getTime()) / (7 * 86_400_000))
}
