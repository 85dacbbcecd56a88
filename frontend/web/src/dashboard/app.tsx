import { QueryClientProvider } from '@tanstack/react-query'
import { lazy, Suspense, useEffect } from 'react'
import { Route, Router, Switch } from 'wouter'
import { useSignInNeeded } from './api/credential'
import { queryClient } from './api/queries'
import { Shell } from './layout/shell'
import { SignIn } from './layout/sign-in'
import { Overview } from './pages/overview'
import { Failure, Loading } from './parts/states'

const PREFETCH_MS = 1_500

// A script of its own for each page: all of them are there before anybody clicks.
const pages = {
  Trends: () => import('./pages/trends'),
  TopLists: () => import('./pages/top'),
  Users: () => import('./pages/users'),
  User: () => import('./pages/user'),
  Retention: () => import('./pages/retention'),
  Funnel: () => import('./pages/funnel'),
  Paths: () => import('./pages/paths'),
  Durations: () => import('./pages/durations'),
  Sessions: () => import('./pages/sessions'),
  Session: () => import('./pages/session'),
  Live: () => import('./pages/live'),
}
const Trends = lazy(pages.Trends)
const TopLists = lazy(pages.TopLists)
const Users = lazy(pages.Users)
const User = lazy(pages.User)
const Retention = lazy(pages.Retention)
const Funnel = lazy(pages.Funnel)
const Paths = lazy(pages.Paths)
const Durations = lazy(pages.Durations)
const Sessions = lazy(pages.Sessions)
const Session = lazy(pages.Session)
const Live = lazy(pages.Live)

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <Router base="/dashboard">
        <Pages />
      </Router>
    </QueryClientProvider>
  )
}

function Pages() {
  useEffect(() => {
    // After what the first page needs.
    const later = setTimeout(() => Object.values(pages).map((load) => load()), PREFETCH_MS)
    return () => clearTimeout(later)
  }, [])
  if (useSignInNeeded()) return <SignIn />
  return (
    <Shell>
      <Suspense fallback={<Loading height={400} />}>
        <Switch>
          <Route path="/" component={Overview} />
          <Route path="/trends" component={Trends} />
          <Route path="/top" component={TopLists} />
          <Route path="/users" component={Users} />
          <Route path="/users/:email" component={User} />
          <Route path="/retention" component={Retention} />
          <Route path="/funnel" component={Funnel} />
          <Route path="/paths" component={Paths} />
          <Route path="/durations" component={Durations} />
          <Route path="/sessions" component={Sessions} />
          <Route path="/sessions/:email/:id" component={Session} />
          <Route path="/live" component={Live} />
          <Route>
            <Failure error={new Error('There is no such page.')} />
          </Route>
        </Switch>
      </Suspense>
    </Shell>
  )
}
