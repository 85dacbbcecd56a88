// Days in the user's own time zone.

export function addDays(day: Date, days: number): Date {
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() + days)
}

/** `2026-11-20`: the day as the user has it, not as UTC does. */
export function dateOf(day: Date): string {
  const two = (number: number) => String(number).padStart(2, '0')
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`
}

export function isSameDay(a: Date, b: Date): boolean {
  return dateOf(a) === dateOf(b)
}

/** The last working days before this one, the latest first. */
export function workdaysBefore(day: Date, count: number): Date[] {
  const days: Date[] = []
  for (let each = addDays(day, -1); days.length < count; each = addDays(each, -1))
    if (each.getDay() % 6 !== 0) days.push(each)
  return days
}

/** The Monday of its week, at midnight. */
export function mondayOf(day: Date): Date {
  return addDays(day, -((day.getDay() + 6) % 7))
}

/** The weeks that a month's page shows, from Monday to Sunday, whole. */
export function weeksOf(month: Date): Date[][] {
  const first = mondayOf(new Date(month.getFullYear(), month.getMonth(), 1))
  const last = new Date(month.getFullYear(), month.getMonth() + 1, 0)
  const weeks: Date[][] = []
  for (let monday = first; monday <= last; monday = addDays(monday, 7))
    weeks.push(Array.from({ length: 7 }, (_, n) => addDays(monday, n)))
  return weeks
}

/** `09:30` of minutes since midnight. */
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

/** The time of today, the day of anything before. */
export function whenOf(iso: string, now: Date): string {
  const at = new Date(iso)
  if (!isSameDay(at, now)) return shortDay(at)
  return at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
}
