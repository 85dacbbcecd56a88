// A page of the fault matrix: a component that records events while StrictMode mounts it twice.
import { StrictMode, useEffect } from 'react'
import { createRoot } from 'react-dom/client'
import {
  ActivityTrackerProvider,
  EVENT_TYPES,
  useActivityStatus,
  useActivityTracker,
} from '../src/react'

declare module '../src/types' {
  interface EventMap {
    trial_event: { n: number }
  }
}

const { userEmail } = JSON.parse(decodeURIComponent(location.hash.slice(1)))

function Project() {
  const { track, trackPageView } = useActivityTracker()
  const { queueSize, enabled } = useActivityStatus()
  useEffect(() => {
    trackPageView('/projects/42')
    track('trial_event', { metadata: { n: 0 } })
    track('trial_event', { metadata: { n: 1 } })
    return () => void track('trial_event', { metadata: { n: 9 } })
  }, [track, trackPageView])
  const create = () => {
    track('trial_event', { metadata: { n: 2 } })
    track(EVENT_TYPES.PROJECT_CREATED, { entityType: 'project', entityId: 42 })
  }
  return (
    <button type="button" onClick={create}>
      {enabled ? 'Create' : 'Off'} {queueSize}
    </button>
  )
}

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <ActivityTrackerProvider userEmail={userEmail}>
      <Project />
    </ActivityTrackerProvider>
  </StrictMode>,
)
