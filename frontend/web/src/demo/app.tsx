import { ActivityTrackerProvider } from '@activity-events/tracker/react'
import { Route, Router, Switch } from 'wouter'
import { BASE_PATH } from '../base-path'
import { CalendarPage } from './calendar/page'
import { EmailsPage } from './emails/page'
import { HomePage } from './home/page'
import { NotFound } from './parts/pieces'
import { ProjectPage } from './projects/project'
import { ProjectsPage } from './projects/projects'
import { Shell } from './shell/shell'
import { StandupPage } from './standup/page'
import { HubProvider } from './state/store'
import { tracker } from './tracking/tracker'
import { useSignedIn } from './tracking/user'

export function App() {
  const [user, signIn] = useSignedIn()
  return (
    <ActivityTrackerProvider tracker={tracker} userEmail={user.email}>
      <HubProvider>
        <Router base={`${BASE_PATH}/demo`}>
          <Shell user={user} onUserChange={signIn}>
            <Switch>
              <Route path="/">
                <HomePage user={user} />
              </Route>
              <Route path="/projects" component={ProjectsPage} />
              <Route path="/projects/:id">{({ id }) => <ProjectPage id={id} key={id} />}</Route>
              <Route path="/emails/:id?">{({ id }) => <EmailsPage id={id} />}</Route>
              <Route path="/calendar" component={CalendarPage} />
              <Route path="/standup" component={StandupPage} />
              <Route>
                <NotFound title="Page" />
              </Route>
            </Switch>
          </Shell>
        </Router>
      </HubProvider>
    </ActivityTrackerProvider>
  )
}
