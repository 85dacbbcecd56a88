const { createElement } = require('react')
const { renderToString } = require('react-dom/server')
const {
  ActivityTrackerProvider,
  useActivityStatus,
  useActivityTracker,
} = require('@activity-events/tracker/react')

test('React 18 renders on a server without a word', () => {
  const error = jest.spyOn(console, 'error')
  function Page() {
    useActivityTracker()
    return useActivityStatus().queueSize
  }
  const page = createElement(
    ActivityTrackerProvider,
    { userEmail: 'ada@example.com' },
    createElement(Page),
    createElement(Page),
  )
  expect(renderToString(page)).toContain('0')
  expect(error).not.toHaveBeenCalled()
})
