import { QueryClientProvider } from '@tanstack/react-query'
import { Suspense, useEffect } from 'react'
import { Route, Router, Switch, useLocation } from 'wouter'
import { BASE_PATH } from '../base-path'
import { useSignInNeeded } from './api/credential'
import { queryClient } from './api/queries'
import { Shell } from './layout/shell'
import { SignIn } from './layout/sign-in'
import { page } from './page'
import { Overview } from './pages/overview'
import { Boundary } from './parts/boundary'
import { Failure, Loading } from './parts/states'

const PREFETCH_MS = 400

// One script per page, all of them prefetched.
const pages = {
  Trends: page(() => import('./pages/trends')),
  TopLists: page(() => import('./pages/top')),
  Users: page(() => import('./pages/users')),
  User: page(() => import('./pages/user')),
  Retention: page(() => import('./pages/retention')),
  Funnel: page(() => import('./pages/funnel')),
  Paths: page(() => import('./pages/paths')),
  Durations: page(() => import('./pages/durations')),
  Sessions: page(() => import('./pages/sessions')),
  Session: page(() => import('./pages/session')),
  Live: page(() => import('./pages/live')),
}

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <Router base={`${BASE_PATH}/dashboard`}>
        <Pages />
      </Router>
    </QueryClientProvider>
  )
}

function Pages() {
  useEffect(() => {
    // After the resources of the first page.
    const timer = setTimeout(
      () => Object.values(pages).map((page) => page.preload().catch(() => {})),
      PREFETCH_MS,
    )
    return () => clearTimeout(timer)
  }, [])
  const [location] = useLocation()
  if (useSignInNeeded()) return <SignIn />
  return (
    <Shell>
      <Boundary key={location}>
        <Suspense fallback={<Loading height={400} />}>
          <Switch>
            <Route path="/" component={Overview} />
            <Route path="/trends" component={pages.Trends.Component} />
            <Route path="/top" component={pages.TopLists.Component} />
            <Route path="/users" component={pages.Users.Component} />
            <Route path="/users/:email" component={pages.User.Component} />
            <Route path="/retention" component={pages.Retention.Component} />
            <Route path="/funnel" component={pages.Funnel.Component} />
            <Route path="/paths" component={pages.Paths.Component} />
            <Route path="/durations" component={pages.Durations.Component} />
            <Route path="/sessions" component={pages.Sessions.Component} />
            <Route path="/session" component={pages.Session.Component} />
            <Route path="/live" component={pages.Live.Component} />
            <Route>
              <Failure
                title="Page not found"
                error={new Error('Check the address, or choose a page from the menu.')}
              />
            </Route>
          </Switch>
        </Suspense>
      </Boundary>
    </Shell>
  )
}
