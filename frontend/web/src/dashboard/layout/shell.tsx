// The frame of every page: navigation, period and filters.

import { type ReactNode, useEffect, useRef } from 'react'
import { Link, useLocation } from 'wouter'
import { BASE_PATH } from '../../base-path'
import { setTheme, useTheme } from '../../theme'
import { signOut, useCredential } from '../api/credential'
import { searchOf, useView } from '../view/view'
import { ViewBar } from './view-bar'

export const PAGES = [
  ['/', 'Overview'],
  ['/trends', 'Trends'],
  ['/top', 'Breakdowns'],
  ['/users', 'Users'],
  ['/retention', 'Retention'],
  ['/funnel', 'Funnel'],
  ['/paths', 'Paths'],
  ['/durations', 'Durations'],
  ['/sessions', 'Sessions'],
  ['/live', 'Live'],
] as const

export function Shell({ children }: { children: ReactNode }) {
  const [location] = useLocation()
  const [view] = useView()
  const search = searchOf(view)
  const main = useRef<HTMLElement>(null)
  const previous = useRef(location)
  useEffect(() => {
    // Announces the new page to screen readers.
    if (previous.current !== location) main.current?.focus({ preventScroll: true })
    previous.current = location
  }, [location])
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to content
      </a>
      <header className="side">
        <p className="brand">
          <span aria-hidden="true" className="brand-mark" />
          Activity
        </p>
        <nav aria-label="Pages">
          <ul>
            {PAGES.map(([path, name]) => (
              <li key={path}>
                <Link
                  href={`${path}${search}`}
                  aria-current={isAt(location, path) ? 'page' : undefined}
                >
                  {name}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className="side-foot">
          <ThemeButton />
          <SignOutButton />
          <a className="quiet-text" href={`${BASE_PATH}/docs/`}>
            Documentation
          </a>
        </div>
      </header>
      <div className="body">
        <ViewBar />
        <main id="main" ref={main} tabIndex={-1}>
          {children}
        </main>
      </div>
    </div>
  )
}

function isAt(location: string, path: string): boolean {
  return path === '/' ? location === '/' : location === path || location.startsWith(`${path}/`)
}

function ThemeButton() {
  const theme = useTheme()
  const other = theme === 'dark' ? 'light' : 'dark'
  return (
    <button type="button" className="button small quiet" onClick={() => setTheme(other)}>
      {other === 'dark' ? 'Dark' : 'Light'} theme
    </button>
  )
}

function SignOutButton() {
  if (useCredential() === null) return null
  return (
    <button type="button" className="button small quiet" onClick={signOut}>
      Sign out
    </button>
  )
}
