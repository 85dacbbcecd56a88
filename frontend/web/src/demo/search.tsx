import { EVENT_TYPES, useActivityTracker } from '@activity-events/tracker/react'
import { type FormEvent, useState } from 'react'
import { Link } from 'wouter'
import { useHub } from './store'

export function Search() {
  const [hub] = useHub()
  const { track } = useActivityTracker()
  const [found, setFound] = useState<{ id: string; title: string; path: string }[] | null>(null)
  const search = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const query = String(new FormData(event.currentTarget).get('query')).trim().toLowerCase()
    if (!query) return setFound(null)
    const results = [
      ...hub.projects.map(({ id, title }) => ({ id, title, path: `/projects/${id}` })),
      ...hub.emails.map(({ id, subject }) => ({ id, title: subject, path: '/emails' })),
    ].filter(({ title }) => title.toLowerCase().includes(query))
    setFound(results)
    // How it went, and not what was looked for: that is the user's own.
    track(EVENT_TYPES.SEARCH_PERFORMED, {
      metadata: { query_length: query.length, results: results.length },
    })
  }
  return (
    <search className="search">
      <form onSubmit={search}>
        <input
          className="input"
          type="search"
          name="query"
          placeholder="Search"
          aria-label="Search projects and emails"
          autoComplete="off"
        />
        {found && (
          <ul className="search-found" aria-label="Found">
            {found.length === 0 && <li className="quiet-text">Nothing found</li>}
            {found.map(({ id, title, path }) => (
              <li key={id}>
                <Link href={path} onClick={() => setFound(null)}>
                  {title}
                </Link>
              </li>
            ))}
          </ul>
        )}
      </form>
    </search>
  )
}
