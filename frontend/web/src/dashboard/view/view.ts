// The view (window, time zone, users, filters) is stored in the URL, to share and go back to.
import { useCallback, useMemo } from 'react'
import { useSearchParams } from 'wouter'
import type { Params } from '../api/client'

/** Event filters, by their API names. */
export const FILTERS = ['event_category', 'event_type', 'device_type', 'entity_type'] as const
export type FilterName = (typeof FILTERS)[number]

export const PRESETS = [
  { days: 1, label: '24 hours' },
  { days: 7, label: '7 days' },
  { days: 30, label: '30 days' },
  { days: 90, label: '90 days' },
  { days: 365, label: '12 months' },
] as const

export const DAYS_DEFAULT = 30

export interface View {
  /** Length of a relative window; null if `start` and `end` are set. */
  days: number | null
  /** ISO dates; `end` is inclusive. */
  start: string | null
  end: string | null
  tz: string
  userEmails: string[]
  filters: Partial<Record<FilterName, string[]>>
  compare: boolean
}

const browserZoneKnown = knownZone(Intl.DateTimeFormat().resolvedOptions().timeZone)
export const browserZone = browserZoneKnown ?? 'UTC'

const DATE = /^\d{4}-\d{2}-\d{2}$/

export function parseView(search: URLSearchParams): View {
  const start = search.get('start')
  const end = search.get('end')
  const hasDates = start !== null && end !== null && DATE.test(start) && DATE.test(end)
  const days = Number(search.get('days') ?? DAYS_DEFAULT)
  const filters: View['filters'] = {}
  for (const name of FILTERS) {
    const values = search.getAll(name).filter(Boolean)
    if (values.length) filters[name] = values
  }
  return {
    days: hasDates
      ? null
      : Number.isInteger(days) && days >= 1 && days <= 3660
        ? days
        : DAYS_DEFAULT,
    start: hasDates ? start : null,
    end: hasDates ? end : null,
    tz: knownZone(search.get('tz')) ?? browserZone,
    userEmails: search.getAll('user_email').filter(Boolean),
    filters,
    compare: search.get('compare') !== '0',
  }
}

/** The zone’s name as the service knows it: not an offset, and in the right case. */
function knownZone(name: string | null | undefined): string | null {
  if (!name || /^[+-]/.test(name)) return null
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions()
    // Browsers have older names for some zones: Asia/Katmandu for Asia/Kathmandu.
    return timeZone.toLowerCase() === name.toLowerCase() ? timeZone : name
  } catch {
    return null // such as `Etc/Unknown`, where the system’s zone is not known
  }
}

/** Why times are in another zone than the URL or the browser says; null if they are not. */
export function zoneNote(named: string | null, shown: string): string | null {
  if (named && !knownZone(named)) return `Unknown time zone “${named}”. Times are in ${shown}.`
  if (!named && !browserZoneKnown) return `Your browser’s time zone is unknown. Times are in UTC.`
  return null
}

/** The window as API parameters; dates are whole days of the time zone. */
export function windowOf(view: View): Params {
  if (view.start && view.end) return { start: view.start, end: dayAfter(view.end), tz: view.tz }
  return { days: view.days, tz: view.tz }
}

/** API parameters of questions about users: window, time zone and users. */
export function usersOf(view: View): Params {
  return { ...windowOf(view), user_email: view.userEmails }
}

/** API parameters of questions about events: as `usersOf`, with filters. */
export function eventsOf(view: View): Params {
  return { ...usersOf(view), ...view.filters }
}

export function dayAfter(day: string, days = 1): string {
  const at = new Date(`${day}T00:00:00Z`)
  at.setUTCDate(at.getUTCDate() + days)
  return at.toISOString().slice(0, 10)
}

/** The length of the window in days. */
export function lengthOf(view: View): number {
  if (view.start && view.end)
    return Math.round((Date.parse(dayAfter(view.end)) - Date.parse(view.start)) / 86_400_000)
  return view.days ?? DAYS_DEFAULT
}

export type Change = Record<string, string | number | null | readonly string[]>

/** The view and a function that changes the URL; null and [] remove a parameter. */
export function useView(): [View, (change: Change) => void] {
  const [search, setSearch] = useSearchParams()
  const view = useMemo(() => parseView(search), [search])
  const change = useCallback(
    (changes: Change) =>
      setSearch((before) => {
        const after = new URLSearchParams(before)
        for (const [name, value] of Object.entries(changes)) {
          after.delete(name)
          if (value === null) continue
          for (const item of Array.isArray(value) ? value : [value])
            after.append(name, String(item))
        }
        return after
      }),
    [setSearch],
  )
  return [view, change]
}

/** A page-specific parameter (bucket, steps) with its default. */
export function useParam(name: string, fallback: string): [string, (value: string) => void] {
  const [search] = useSearchParams()
  const [, change] = useView()
  const value = search.get(name) ?? fallback
  return [value, (next) => change({ [name]: next === fallback ? null : next })]
}

/** The query string of a link to another page: the view and that page’s parameters. */
export function searchOf(view: View, own = ''): string {
  const search = new URLSearchParams(own)
  if (view.start && view.end) {
    search.set('start', view.start)
    search.set('end', view.end)
  } else if (view.days !== DAYS_DEFAULT) search.set('days', String(view.days))
  if (view.tz !== browserZone) search.set('tz', view.tz)
  for (const email of view.userEmails) search.append('user_email', email)
  for (const name of FILTERS)
    for (const value of view.filters[name] ?? []) search.append(name, value)
  if (!view.compare) search.set('compare', '0')
  const text = search.toString()
  return text && `?${text}`
}

/**
 * The user of the page `.../users/<user>`. From the URL itself, decoded once: the router decodes
 * some characters, and `a%2fb` and `a/b` are two users.
 */
export function userOf(pathname: string): string {
  const part = pathname.split('/').at(-1) ?? ''
  try {
    return decodeURIComponent(part)
  } catch {
    return part // not encoded by the dashboard
  }
}

/** The previous window: the same length, ending where the view’s starts. */
export function previousOf(view: View, now = new Date()): Params {
  const length = lengthOf(view)
  if (view.start && view.end)
    return { start: dayAfter(view.start, -length), end: view.start, tz: view.tz }
  const end = new Date(now)
  end.setUTCSeconds(0, 0) // stable for a minute, for the query cache
  end.setTime(end.getTime() - length * 86_400_000)
  const start = new Date(end.getTime() - length * 86_400_000)
  return { start: start.toISOString(), end: end.toISOString(), tz: view.tz }
}

/** The bucket that divides a window into some dozens of points. */
export function bucketOf(view: View): 'minute' | 'hour' | 'day' | 'week' | 'month' {
  const days = lengthOf(view)
  return days <= 2 ? 'hour' : days <= 120 ? 'day' : 'week'
}
