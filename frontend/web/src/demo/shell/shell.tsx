// The frame of every page: navigation, account and tracker panel.
import { type ReactNode, useEffect, useRef } from 'react'
import { Link, useLocation } from 'wouter'
import { Icon } from '../parts/icon'
import { TrackerPanel } from '../tracking/panel'
import type { User } from '../tracking/user'
import { ResetButton, ThemeButton, UserSelect } from './corner'
import { PageViews } from './page-views'
import { isAt, PAGES } from './pages'
import { SearchBox } from './search-box'
import './shell.css'

export function Shell({
  user,
  onUserChange,
  children,
}: {
  user: User
  onUserChange: (email: string) => void
  children: ReactNode
}) {
  const [location] = useLocation()
  const main = useRef<HTMLElement>(null)
  const previous = useRef(location)
  useEffect(() => {
    // Announces the new page to screen readers, and scrolls to the top.
    if (previous.current !== location) main.current?.focus()
    previous.current = location
  }, [location])
  return (
    <div className="hub">
      <a className="skip" href="#main">
        Skip to content
      </a>
      <header className="side">
        <p className="brand">
          <span className="brand-mark" aria-hidden="true">
            <Icon name="spark" />
          </span>
          Workhub
        </p>
        <nav aria-label="Pages">
          <ul className="nav-links">
            {PAGES.map(([path, name, icon]) => (
              <li key={path}>
                <Link
                  className="nav-link"
                  href={path}
                  aria-current={isAt(location, path) ? 'page' : undefined}
                >
                  <Icon name={icon} />
                  {name}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className="side-foot">
          <p className="quiet-text">
            Demo data: everything stays in this browser except the events it sends.
          </p>
          <ResetButton />
        </div>
      </header>
      <div className="body">
        <section className="top" aria-label="Search and settings">
          <SearchBox />
          <ThemeButton />
          <UserSelect user={user} onChange={onUserChange} />
        </section>
        <main id="main" ref={main} tabIndex={-1}>
          <PageViews />
          {children}
        </main>
      </div>
      <TrackerPanel user={user} />
    </div>
  )
}
