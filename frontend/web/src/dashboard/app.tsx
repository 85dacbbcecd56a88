import { QueryClientProvider } from '@tanstack/react-query'
import { lazy, Suspense } from 'react'
import { Route, Router, Switch } from 'wouter'
import { useSignInNeeded } from './api/credential'
import { queryClient } from './api/queries'
import { Shell } from './layout/shell'
import { SignIn } from './layout/sign-in'
import { Overview } from './pages/overview'
import { Failure, Loading } from './parts/states'

const Trends = lazy(() => import('./pages/trends'))
const TopLists = lazy(() => import('./pages/top'))
const Users = lazy(() => import('./pages/users'))
const User = lazy(() => import('./pages/user'))
const Retention = lazy(() => import('./pages/retention'))
const Funnel = lazy(() => import('./pages/funnel'))
const Paths = lazy(() => import('./pages/paths'))
const Durations = lazy(() => import('./pages/durations'))
const Sessions = lazy(() => import('./pages/sessions'))
const Session = lazy(() => import('./pages/session'))
const Live = lazy(() => import('./pages/live'))

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
