// The frame of every page: where one can go, and what is looked at.
import { type ReactNode, useEffect, useRef } from 'react'
import { Link, useLocation } from 'wouter'
import { setTheme, useTheme } from '../../theme'
import { signOut, useCredential } from '../api/credential'
import { searchOf, useView } from '../view/view'
import { ViewBar } from './view-bar'

export const PAGES = [
  ['/', 'Overview'],
  ['/trends', 'Trends'],
  ['/top', 'Top lists'],
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
  const before = useRef(location)
  useEffect(() => {
    // Another page: those who can't see it are told.
    if (before.current !== location) main.current?.focus({ preventScroll: true })
    before.current = location
  }, [location])
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the page
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
          <a className="quiet-text" href="/docs">
            API
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
