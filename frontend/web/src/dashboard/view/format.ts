// Formatting of numbers, durations and times.
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const tenth = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })

export const NOTHING = '–'

export const count = (value: number) => whole.format(value)
export const compact = (value: number) =>
  Math.abs(value) < 1_000_000 ? count(value) : short.format(value)
export const decimal = (value: number | null) => (value === null ? NOTHING : tenth.format(value))

export function percent(share: number | null, digits = 1): string {
  if (share === null || !Number.isFinite(share)) return NOTHING
  return `${(share * 100).toFixed(digits)}%`.replace('-', '−')
}

export const wholePercent = (share: number) => percent(share, 0)

/** A string unchanged, any other value as JSON. */
export const valueText = (value: unknown) =>
  typeof value === 'string' ? value : JSON.stringify(value)

/** 95_000 -> `1 min 35 s`. */
export function span(ms: number | null): string {
  if (ms === null) return NOTHING
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${tenth.format(ms / 1000)} s`
  const seconds = Math.round(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** The relative change; null if the previous value is 0. */
export function change(now: number, before: number): number | null {
  return before === 0 ? null : (now - before) / before
}

type Style = 'day' | 'minute' | 'second'

// Creating a format takes longer than a hundred uses of it.
const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(tz: string, style: Style, hasYear: boolean): Intl.DateTimeFormat {
  const key = `${tz} ${style} ${hasYear}`
  let format = formats.get(key)
  if (!format) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone: tz,
      ...(hasYear ? { year: 'numeric' } : {}),
      day: 'numeric',
      month: 'short',
      ...(style === 'day' ? {} : { hour: '2-digit', minute: '2-digit' }),
      ...(style === 'second' ? { second: '2-digit' } : {}),
    })
    formats.set(key, format)
  }
  return format
}

/** `24 Nov, 09:15`; with the year unless it is this one. */
export function moment(
  iso: string,
  tz: string,
  style: Style = 'minute',
  now: Date = new Date(),
): string {
  const at = new Date(iso)
  const hasYear = at.getUTCFullYear() !== now.getUTCFullYear()
  return formatOf(tz, style, hasYear).format(at)
}

/** An ISO date without a time zone, as `24 Nov`; with the year unless it is this one. */
export function day(iso: string, now: Date = new Date()): string {
  return moment(`${iso.slice(0, 10)}T00:00:00Z`, 'UTC', 'day', now)
}

/** `project_subtask_completed` -> `Project subtask completed`. */
export function words(name: string): string {
  const text = name.replaceAll('_', ' ').replace(/^ai\b/, 'AI')
  return text.charAt(0).toUpperCase() + text.slice(1)
}
