import { act, StrictMode, useEffect } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  ActivityTrackerProvider,
  createTracker,
  EVENT_TYPES,
  useActivityTracker,
} from '../src/react'

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

let root: Root
let namespace = ''

beforeEach(() => {
  localStorage.clear()
  namespace = `react${Math.random()}`
  vi.stubGlobal('indexedDB', undefined)
  root = createRoot(document.body.appendChild(document.createElement('div')))
})
afterEach(() => {
  act(() => root.unmount())
  vi.unstubAllGlobals()
})

const types = () =>
  Object.entries(localStorage)
    .filter(([key]) => key.startsWith(`${namespace}.e.`))
    .map(([, text]) => JSON.parse(text.split('\n')[3] as string))
    .sort((a, b) => a.session_seq - b.session_seq)
    .map((event) => event.event_type)

test('the example of the README works', async () => {
  function Projects() {
    const { track, queueSize, sessionId } = useActivityTracker('ada@example.com', { namespace })
    const id = 42
    return (
      <button
        type="button"
        onClick={() =>
          track(EVENT_TYPES.PROJECT_CREATED, {
            entityType: 'project',
            entityId: id,
            metadata: { priority: 'high' },
          })
        }
      >
        {queueSize} {sessionId.length}
      </button>
    )
  }
  await act(async () => root.render(<Projects />))
  const button = document.querySelector('button') as HTMLButtonElement
  expect(button.textContent).toBe('0 36')
  await act(async () => button.click())
  expect(button.textContent).toBe('1 36')
  expect(types()).toEqual(['project_created'])
})

test('functions are stable between renders', async () => {
  const renders: unknown[] = []
  function Page({ n }: { n: number }) {
    const { status, queueSize, sessionId, ...actions } = useActivityTracker('ada@example.com', {
      namespace,
    })
    renders.push({ ...actions })
    return n
  }
  for (const n of [1, 2, 3]) await act(async () => root.render(<Page n={n} />))
  expect(renders.length).toBeGreaterThanOrEqual(3)
  for (const [name, action] of Object.entries(renders[0] as object)) {
    for (const render of renders) expect((render as Record<string, unknown>)[name]).toBe(action)
  }
})

test('events of effects that StrictMode runs twice are recorded once', async () => {
  function Page({ name }: { name: string }) {
    const { track, trackPageView } = useActivityTracker()
    useEffect(() => {
      trackPageView(name)
      track('twice')
      track('twice')
    }, [name, track, trackPageView])
    return name
  }
  const render = (name: string) =>
    act(async () =>
      root.render(
        <StrictMode>
          <ActivityTrackerProvider userEmail="ada@example.com" namespace={namespace}>
            <Page name={name} />
          </ActivityTrackerProvider>
        </StrictMode>,
      ),
    )
  await render('/a')
  expect(types()).toEqual(['page_viewed', 'twice', 'twice'])
  await new Promise((resolve) => setTimeout(resolve, 5))
  await render('/b')
  expect(types()).toEqual(['page_viewed', 'twice', 'twice', 'page_viewed', 'twice', 'twice'])
})

test('after sign-out no event is recorded; a new user gets a new session', async () => {
  const sessions: string[] = []
  let track: ReturnType<typeof useActivityTracker>['track'] = () => undefined
  function Page({ email }: { email?: string }) {
    const tracker = useActivityTracker(email, { namespace })
    track = tracker.track
    sessions.push(tracker.sessionId)
    return null
  }
  await act(async () => root.render(<Page email="ada@example.com" />))
  await act(async () => expect(track('a')).toBeDefined())
  await act(async () => root.render(<Page />))
  await act(async () => expect(track('b')).toBeUndefined())
  await act(async () => root.render(<Page email="bob@example.com" />))
  await act(async () => expect(track('c')).toBeDefined())
  expect(types()).toHaveLength(2)
  expect(new Set(sessions.filter(Boolean)).size).toBe(2)
})

test('the provider accepts an existing tracker', async () => {
  const tracker = createTracker({ userEmail: 'ada@example.com', namespace })
  function Page() {
    const { track } = useActivityTracker()
    return (
      <button type="button" onClick={() => track('clicked')}>
        x
      </button>
    )
  }
  await act(async () =>
    root.render(
      <ActivityTrackerProvider tracker={tracker}>
        <Page />
      </ActivityTrackerProvider>,
    ),
  )
  await act(async () => (document.querySelector('button') as HTMLButtonElement).click())
  expect(tracker.status().queueSize).toBe(1)
  await act(async () => tracker.shutdown())
})

test('the provider accepts the key as writeKey', async () => {
  const sent: string[] = []
  vi.stubGlobal('fetch', async (_: string, init: RequestInit) => {
    sent.push(String(init.body))
    return new Response('{"results": []}', { headers: { 'content-type': 'application/json' } })
  })
  let tracker: ReturnType<typeof useActivityTracker> | undefined
  function Page() {
    tracker = useActivityTracker()
    return null
  }
  await act(async () =>
    root.render(
      <ActivityTrackerProvider
        userEmail="ada@example.com"
        namespace={namespace}
        writeKey="ae_write_x"
      >
        <Page />
      </ActivityTrackerProvider>,
    ),
  )
  await act(async () => {
    tracker?.track('clicked', { immediate: true })
    await tracker?.flush()
  })
  expect(JSON.parse(sent[0] as string).key).toBe('ae_write_x')
})

test('server-side rendering works', () => {
  function Page() {
    const { queueSize, status } = useActivityTracker('ada@example.com')
    return `${queueSize} ${status.enabled}`
  }
  vi.stubGlobal('document', undefined)
  expect(renderToString(<Page />)).toBe('0 false')
})
