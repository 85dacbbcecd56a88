import { EVENT_TYPES, useActivityTracker } from '@activity-events/tracker/react'
import { useEffect, useState } from 'react'
import { Link } from 'wouter'
import { Icon } from '../parts/icon'
import { search } from '../state/select'
import { useHub } from '../state/store'

/** Pause after typing before a search is tracked. */
const DEBOUNCE_MS = 700
const ROWS_MAX = 8

export function SearchBox() {
  const { state } = useHub()
  const { track } = useActivityTracker()
  const [text, setText] = useState('')
  const hits = search(state, text)
  const queryLength = text.trim().length
  const results = hits.length

  useEffect(() => {
    if (!queryLength) return
    const timer = setTimeout(
      () =>
        track(EVENT_TYPES.SEARCH_PERFORMED, { metadata: { query_length: queryLength, results } }),
      DEBOUNCE_MS,
    )
    return () => clearTimeout(timer)
  }, [queryLength, results, track])

  return (
    <search className="search">
      <label>
        <span className="visually-hidden">Search</span>
        <Icon name="search" />
        <input
          type="search"
          placeholder="Search projects and emails"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => event.key === 'Escape' && setText('')}
        />
      </label>
      <p className="visually-hidden" role="status">
        {queryLength > 0 && `${results} ${results === 1 ? 'result' : 'results'}`}
      </p>
      {queryLength > 0 && (
        <ul className="hits" aria-label="Search results">
          {hits.slice(0, ROWS_MAX).map(({ path, kind, title }) => (
            <li key={`${path} ${kind} ${title}`}>
              <Link href={path} onClick={() => setText('')}>
                <span>{title}</span>
                <span className="quiet-text">{kind}</span>
              </Link>
            </li>
          ))}
          {results === 0 && <li className="empty">No results.</li>}
        </ul>
      )}
    </search>
  )
}
