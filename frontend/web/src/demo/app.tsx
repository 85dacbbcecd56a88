// The app's frame: one tracker for the page, one place where page views are recorded.
import { ActivityTrackerProvider, useActivityTracker } from '@activity-events/tracker/react'
import { lazy, Suspense, useEffect } from 'react'
import { Link, Route, Router, Switch, useLocation } from 'wouter'
import { setTheme, useTheme } from '../theme'
import { Panel } from './panel'
import { Search } from './search'
import { HubProvider } from './store'
import { USERS, useUser, writeKey } from './user'
import { Calendar } from './views/calendar'
import { Emails } from './views/emails'
import { Home } from './views/home'
import { ProjectPage } from './views/project'
import { Projects } from './views/projects'
import { Standup } from './views/standup'

const Wizard = lazy(() => import('./wizard'))

const VIEWS = [
  ['/', 'Today'],
  ['/projects', 'Projects'],
  ['/emails', 'Emails'],
  ['/calendar', 'Calendar'],
  ['/standup', 'Standup'],
] as const

export function App() {
  const [user, setUser] = useUser()
  return (
    <ActivityTrackerProvider userEmail={user} {...(writeKey() ? { key: writeKey() } : {})}>
      <HubProvider>
        <Router base="/demo">
          <Frame user={user} onUser={setUser} />
        </Router>
      </HubProvider>
    </ActivityTrackerProvider>
  )
}

function Frame({ user, onUser }: { user: string; onUser: (email: string) => void }) {
  const [location] = useLocation()
  const theme = useTheme()
  const { trackPageView } = useActivityTracker()
  useEffect(() => {
    trackPageView(location)
  }, [location, trackPageView])
  return (
    <div className="hub">
      <header className="hub-head">
        <p className="hub-brand">Workhub</p>
        <nav aria-label="Views">
          <ul>
            {VIEWS.map(([path, name]) => (
              <li key={path}>
                <Link
                  href={path}
                  aria-current={
                    path === '/'
                      ? location === '/'
                        ? 'page'
                        : undefined
                      : location.startsWith(path)
                        ? 'page'
                        : undefined
                  }
                >
                  {name}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <Search />
        <label className="hub-user">
          <span className="visually-hidden">You are</span>
          <select className="input" value={user} onChange={(event) => onUser(event.target.value)}>
            {USERS.map((email) => (
              <option key={email}>{email}</option>
            ))}
          </select>
        </label>
        <button
          type="button"
          className="button small quiet"
          onClick={() => setTheme(theme === 'dark' ? 'light' : 'dark')}
        >
          {theme === 'dark' ? 'Light' : 'Dark'}
        </button>
      </header>
      <main className="hub-main">
        <Switch>
          <Route path="/" component={Home} />
          <Route path="/projects" component={Projects} />
          <Route path="/projects/:id" component={ProjectPage} />
          <Route path="/emails" component={Emails} />
          <Route path="/calendar" component={Calendar} />
          <Route path="/standup" component={Standup} />
          <Route>
            <h1>There is no such page</h1>
          </Route>
        </Switch>
        <Suspense>
          <Wizard />
        </Suspense>
      </main>
      <Panel user={user} />
    </div>
  )
}
