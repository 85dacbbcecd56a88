// @vitest-environment node
import { renderToString } from 'react-dom/server'
import { expect, test, vi } from 'vitest'
import { ActivityTrackerProvider, useActivityStatus, useActivityTracker } from '../src/react'

test('server-side rendering works and is silent', () => {
  const error = vi.spyOn(console, 'error')
  function Page() {
    const { sessionId, track } = useActivityTracker('ada@example.com')
    const { queueSize, enabled } = useActivityStatus()
    return `${queueSize} ${enabled} ${sessionId} ${track('rendered')}`
  }
  const page = (
    <ActivityTrackerProvider userEmail="ada@example.com" endpoint="https://events.example.com">
      <Page />
    </ActivityTrackerProvider>
  )
  expect(renderToString(page)).toBe('0 false  undefined')
  expect(error).not.toHaveBeenCalled()
})
