import { QueryClientProvider } from '@tanstack/react-query'
import { Suspense } from 'react'
import { Route, Router, Switch } from 'wouter'
import { useSignInNeeded } from './api/credential'
import { queryClient } from './api/queries'
import { Shell } from './layout/shell'
import { SignIn } from './layout/sign-in'
import { Overview } from './pages/overview'
import { Failure, Loading } from './parts/states'

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
          <Route>
            <Failure error={new Error('There is no such page.')} />
          </Route>
        </Switch>
      </Suspense>
    </Shell>
  )
}
