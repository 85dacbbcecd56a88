// Days in the user's time zone.

export function addDays(day: Date, days: number): Date {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + days)
}

/** The local date as `2026-11-20`. */
export function dateOf(day: Date): string {
  const two = (number: number) => String(number).padStart(2, '0')
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`
}

export function isSameDay(a: Date, b: Date): boolean {
  return dateOf(a) === dateOf(b)
}

/** The last workdays before a day, latest first. */
export function workdaysBefore(day: Date, count: number): Date[] {
  const days: Date[] = []
  for (let date = addDays(day, -1); days.length < count; date = addDays(date, -1))
    if (date.getDay() % 6 !== 0) days.push(date)
  return days
}

/** Midnight of the Monday of a day’s week. */
export function mondayOf(day: Date): Date {
  return addDays(day, -((day.getDay() + 6) % 7))
}

/** The weeks of a month view, each from Monday to Sunday. */
export function weeksOf(month: Date): Date[][] {
  const first = mondayOf(new Date(month.getFullYear(), month.getMonth(), 1))
  const last = new Date(month.getFullYear(), month.getMonth() + 1, 0)
  const weeks: Date[][] = []
  for (let monday = first; monday <= last; monday = addDays(monday, 7))
    weeks.push(Array.from({ length: 7 }, (_, n) => addDays(monday, n)))
  return weeks
}

/** Minutes since midnight as `09:30`. */
export function clockOf(minutes: number): string {
  const at = new Date(2000, 0, 1, 0, minutes)
  return at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
}

export function greetingAt(hour: number): string {
  if (hour < 5) return 'Still up'
  if (hour < 12) return 'Good morning'
  return hour < 18 ? 'Good afternoon' : 'Good evening'
}

const FULL = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long' })
const SHORT = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' })
const MONTH = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric' })

export const fullDay = (day: Date) => FULL.format(day)
export const shortDay = (day: Date) => SHORT.format(day)
export const monthOf = (day: Date) => MONTH.format(day)

/** The time if it is today, else the day. */
export function whenOf(iso: string, now: Date): string {
  const at = new Date(iso)
  if (!isSameDay(at, now)) return shortDay(at)
  return at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
}
