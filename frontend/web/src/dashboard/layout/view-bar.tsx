// Period, time zone, users and filters; the URL holds their state.
import { type FormEvent, useId, useState } from 'react'
import { useSearchParams } from 'wouter'
import { useAnalytics } from '../api/queries'
import type { Top } from '../api/types'
import { valueText, words } from '../view/format'
import {
  browserZone,
  DAYS_DEFAULT,
  dayAfter,
  FILTERS,
  type FilterName,
  PRESETS,
  useView,
  windowOf,
  zoneNote,
} from '../view/view'

const ZONES = Intl.supportedValuesOf('timeZone')
const FILTER_NAMES: Record<FilterName, string> = {
  event_category: 'Category',
  event_type: 'Event',
  device_type: 'Device',
  entity_type: 'Entity type',
}
// Suggestions come from `top`; it has none for entity types.
const SUGGESTED_BY: Partial<Record<FilterName, string>> = {
  event_category: 'event_category',
  event_type: 'event_type',
  device_type: 'device_type',
}

export function ViewBar() {
  const [view, change] = useView()
  const [search] = useSearchParams()
  const note = zoneNote(search.get('tz'), view.tz)
  const today = new Date().toISOString().slice(0, 10)
  return (
    <section className="view-bar" aria-label="Period and filters">
      <fieldset className="choice">
        <legend className="visually-hidden">Period</legend>
        {PRESETS.map(({ days, label }) => (
          <button
            key={days}
            type="button"
            className="button small"
            aria-pressed={view.days === days}
            onClick={() =>
              change({ days: days === DAYS_DEFAULT ? null : days, start: null, end: null })
            }
          >
            {label}
          </button>
        ))}
        <details className="dates">
          <summary className="button small" data-chosen={view.days === null}>
            {view.start ? `${view.start} – ${view.end}` : 'Custom'}
          </summary>
          <DateForm
            start={view.start ?? dayAfter(today, -6)}
            end={view.end ?? today}
            onChange={(start, end) => change({ start, end, days: null })}
          />
        </details>
      </fieldset>
      <ZonePicker tz={view.tz} onChange={(tz) => change({ tz: tz === browserZone ? null : tz })} />
      <div className="filters">
        {view.userEmails.map((email) => (
          <Chip
            key={email}
            text={email}
            onRemove={() => change({ user_email: view.userEmails.filter((e) => e !== email) })}
          />
        ))}
        {FILTERS.flatMap((name) =>
          (view.filters[name] ?? []).map((value) => (
            <Chip
              key={`${name}=${value}`}
              text={`${FILTER_NAMES[name]}: ${value}`}
              onRemove={() =>
                change({ [name]: (view.filters[name] ?? []).filter((v) => v !== value) })
              }
            />
          )),
        )}
        <AddFilter />
      </div>
      {note && (
        <p className="quiet-text" role="status">
          {note}
        </p>
      )}
    </section>
  )
}

function DateForm({
  start,
  end,
  onChange,
}: {
  start: string
  end: string
  onChange: (start: string, end: string) => void
}) {
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const [from, to] = [String(form.get('start')), String(form.get('end'))]
    onChange(from <= to ? from : to, from <= to ? to : from)
    event.currentTarget.closest('details')?.removeAttribute('open')
  }
  return (
    <form className="popover" onSubmit={submit}>
      <label className="field">
        <span>Start date</span>
        <input className="input" type="date" name="start" defaultValue={start} required />
      </label>
      <label className="field">
        <span>End date</span>
        <input className="input" type="date" name="end" defaultValue={end} required />
      </label>
      <button type="submit" className="button primary">
        Apply
      </button>
    </form>
  )
}

function ZonePicker({ tz, onChange }: { tz: string; onChange: (tz: string) => void }) {
  const zones = ZONES.includes(tz) ? ZONES : [tz, ...ZONES]
  return (
    <label className="zone">
      <span className="visually-hidden">Time zone</span>
      <select className="input" value={tz} onChange={(e) => onChange(e.target.value)}>
        {(zones.includes('UTC') ? zones : ['UTC', ...zones]).map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  )
}

function Chip({ text, onRemove }: { text: string; onRemove: () => void }) {
  return (
    <span className="chip">
      {text}
      <button type="button" onClick={onRemove} aria-label={`Remove ${text}`}>
        ×
      </button>
    </span>
  )
}

type Addable = FilterName | 'user_email'

function AddFilter() {
  const [view, change] = useView()
  const [name, setName] = useState<Addable>('user_email')
  const [isOpen, setOpen] = useState(false)
  const list = useId()
  const by = name === 'user_email' ? 'user' : SUGGESTED_BY[name]
  // Suggestions: the values in this period, most frequent first.
  const suggestions = useAnalytics<Top>(
    'top',
    isOpen && by ? { ...windowOf(view), by, limit: 100 } : null,
  )
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const value = String(new FormData(event.currentTarget).get('value')).trim()
    if (!value) return
    const current = name === 'user_email' ? view.userEmails : (view.filters[name] ?? [])
    if (!current.includes(value)) change({ [name]: [...current, value] })
    event.currentTarget.reset()
    event.currentTarget.closest('details')?.removeAttribute('open')
  }
  return (
    <details className="dates" onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary className="button small">+ Filter</summary>
      <form className="popover" onSubmit={submit}>
        <label className="field">
          <span>Filter by</span>
          <select
            className="input"
            value={name}
            onChange={(e) => setName(e.target.value as Addable)}
          >
            <option value="user_email">User</option>
            {FILTERS.map((filter) => (
              <option key={filter} value={filter}>
                {FILTER_NAMES[filter]}
              </option>
            ))}
          </select>
        </label>
        <label className="field">
          <span>{name === 'user_email' ? 'Email' : `${FILTER_NAMES[name]} is`}</span>
          <input
            className="input"
            name="value"
            list={list}
            required
            autoComplete="off"
            type={name === 'user_email' ? 'email' : 'text'}
          />
          <datalist id={list}>
            {suggestions.data?.rows.map((row) => (
              <option key={valueText(row.value)} value={valueText(row.value)}>
                {name === 'user_email' ? '' : words(valueText(row.value))}
              </option>
            ))}
          </datalist>
        </label>
        <button type="submit" className="button primary">
          Add filter
        </button>
      </form>
    </details>
  )
}
