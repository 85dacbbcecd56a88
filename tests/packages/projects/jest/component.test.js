/** @jest-environment jsdom */
const { act, createElement, StrictMode, useEffect } = require('react')
const { createRoot } = require('react-dom/client')
const {
  ActivityTrackerProvider,
  createTracker,
  useActivityTracker,
} = require('@activity-events/tracker/react')

globalThis.IS_REACT_ACT_ENVIRONMENT = true

test('an environment without an encoder, random numbers and fetch', () => {
  expect(globalThis.TextEncoder).toBeUndefined()
  expect(globalThis.fetch).toBeUndefined()
  expect(() => createTracker({ userEmail: 'ada@example.com' })).not.toThrow()
})

test('a component with the hook is tested without act warnings', async () => {
  const error = jest.spyOn(console, 'error')
  let activity
  let renders = 0
  function Button() {
    renders++
    activity = useActivityTracker()
    useEffect(() => {
      activity.trackPageView('/p')
    }, [activity])
    return createElement('button', { onClick: () => activity.track('clicked') })
  }
  const root = createRoot(document.body.appendChild(document.createElement('div')))
  const tracker = createTracker({ userEmail: 'ada@example.com', namespace: 'component' })
  await act(async () =>
    root.render(createElement(ActivityTrackerProvider, { tracker }, createElement(Button))),
  )
  document.querySelector('button').click()
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(tracker.status().queueSize).toBe(2)
  expect(renders).toBe(1)
  expect(error).not.toHaveBeenCalled()
  await act(async () => root.unmount())
})

test('React 18 runs effects twice in StrictMode, and their events count once', async () => {
  function Page() {
    const { track } = useActivityTracker()
    useEffect(() => {
      track('opened')
      return () => track('closed')
    }, [track])
    return null
  }
  const root = createRoot(document.body.appendChild(document.createElement('div')))
  const tracker = createTracker({ userEmail: 'ada@example.com', namespace: 'strict' })
  await act(async () =>
    root.render(
      createElement(
        StrictMode,
        null,
        createElement(ActivityTrackerProvider, { tracker }, createElement(Page)),
      ),
    ),
  )
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(tracker.status().queueSize).toBe(1)
  await act(async () => root.unmount())
  expect(tracker.status().queueSize).toBe(2)
})
