// Components that are rendered once, whatever is recorded and delivered.
import {
  ActivityTrackerProvider,
  useActivityStatus,
  useActivityTracker,
} from '@activity-events/tracker/react'
import { useEffect } from 'react'
import { createRoot } from 'react-dom/client'

const renders = { rows: 0, pages: 0 }
Object.assign(window, { renders })

function Row({ name }: { name: string }) {
  renders.rows++
  const { track } = useActivityTracker()
  return (
    <button type="button" onClick={() => track('row_clicked', { immediate: true })}>
      {name}
    </button>
  )
}

function Page() {
  renders.pages++
  const activity = useActivityTracker()
  useEffect(() => {
    activity.track('mounted')
  }, [activity])
  useEffect(() => {
    activity.track('rendered')
  })
  return Array.from({ length: 500 }, (_, n) => <Row key={n} name={`Row ${n}`} />)
}

function Queue() {
  return <p>{useActivityStatus().queueSize} wait</p>
}

createRoot(document.getElementById('root')!).render(
  <ActivityTrackerProvider
    endpoint="http://127.0.0.1:8000"
    writeKey="ae_write_..."
    userEmail="ada@example.com"
  >
    <Page />
    <Queue />
  </ActivityTrackerProvider>,
)
