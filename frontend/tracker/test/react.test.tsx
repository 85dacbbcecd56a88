import { act, Fragment, StrictMode, useEffect, useLayoutEffect, useState } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  ActivityTrackerProvider,
  createTracker,
  EVENT_TYPES,
  useActivityStatus,
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

/** The types of the events in the storage, in the order of their recording. */
const types = () =>
  Object.entries(localStorage)
    .filter(([key]) => key.startsWith(namespace))
    .map(([, text]) => /"session_seq":(\d+).*"event_type":"(\w+)"/.exec(text) ?? [])
    .filter((match) => match.length)
    .sort((a, b) => Number(a[1]) - Number(b[1]))
    .map(([, , type]) => type)

const nextTask = () => new Promise((resolve) => setTimeout(resolve, 5))

test('the example of the README works', async () => {
  function Projects() {
    const { track } = useActivityTracker('ada@example.com', { namespace })
    const { queueSize, sessionId } = useActivityStatus({ namespace })
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
  await act(async () => {
    button.click()
    await nextTask()
  })
  expect(button.textContent).toBe('1 36')
  expect(types()).toEqual(['project_created'])
})

describe('a component that records events (C1)', () => {
  const render = (...pages: React.ReactNode[]) =>
    act(async () =>
      root.render(
        <ActivityTrackerProvider userEmail="ada@example.com" namespace={namespace}>
          {pages}
        </ActivityTrackerProvider>,
      ),
    )

  test('gets the same object and functions at each render', async () => {
    const renders: ReturnType<typeof useActivityTracker>[] = []
    const functions: unknown[] = []
    function Page({ n }: { n: number }) {
      const activity = useActivityTracker()
      renders.push(activity)
      functions.push(...Object.values(activity).filter((value) => typeof value === 'function'))
      return n
    }
    for (const n of [1, 2, 3]) await render(<Page key="page" n={n} />)
    expect(renders).toHaveLength(3)
    expect(new Set(renders).size).toBe(1)
    expect(new Set(functions).size).toBe(7)
    expect(renders[0]?.sessionId).toHaveLength(36)
  })

  test('records one event in an effect that depends on the object', async () => {
    let renders = 0
    function Page() {
      renders++
      const activity = useActivityTracker()
      useEffect(() => {
        activity.trackPageView('/p')
      }, [activity])
      return null
    }
    await render(<Page key="page" />)
    await act(nextTask)
    expect(types()).toEqual(['page_viewed'])
    expect(renders).toBe(1)
  })

  test.each(['effect', 'render'])('does not loop in an %s without dependencies', async (place) => {
    let renders = 0
    function Page() {
      renders++
      const { track } = useActivityTracker()
      if (place === 'render') track('rendered')
      useEffect(() => {
        if (place === 'effect') track('rendered')
      })
      return null
    }
    await render(<Page key="page" />)
    await act(nextTask)
    expect(renders).toBe(1)
    expect(types()).toEqual(['rendered'])
  })

  test('is not rendered by an event or by its delivery: 500 components', async () => {
    let isDelivered = false
    vi.stubGlobal('fetch', async (_: string, init: RequestInit) => {
      const { events } = JSON.parse(String(init.body))
      isDelivered = true
      return Response.json({ received: events.length, results: [] })
    })
    let renders = 0
    let statusRenders = 0
    let activity: ReturnType<typeof useActivityTracker> | undefined
    function Row() {
      renders++
      activity = useActivityTracker()
      return null
    }
    function Queue() {
      statusRenders++
      return useActivityStatus().queueSize
    }
    await render(
      <Queue key="queue" />,
      ...Array.from({ length: 500 }, (_, n) => `row${n}`).map((name) => <Row key={name} />),
    )
    await act(nextTask)
    expect(renders).toBe(500)
    const statusRendersBefore = statusRenders
    await act(async () => {
      activity?.track('clicked')
      await nextTask()
    })
    expect(types()).toEqual(['clicked'])
    await act(async () => {
      await activity?.flush()
      await nextTask()
    })
    expect(isDelivered).toBe(true)
    expect(types()).toEqual([])
    expect(renders).toBe(500)
    expect(statusRenders).toBeGreaterThan(statusRendersBefore)
  })
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
    useEffect(() => void sessions.push(tracker.sessionId))
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
    return Response.json({ received: 1, results: [] })
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

describe('StrictMode (T32)', () => {
  const render = async (page: React.ReactNode, Mode: typeof StrictMode = StrictMode) => {
    await act(async () =>
      root.render(
        <Mode>
          <ActivityTrackerProvider userEmail="ada@example.com" namespace={namespace}>
            {page}
          </ActivityTrackerProvider>
        </Mode>,
      ),
    )
    await nextTask()
  }

  function Dialog() {
    const { track, trackTimed } = useActivityTracker()
    useLayoutEffect(() => () => void track('layout_left'), [track])
    useEffect(() => {
      track('opened')
      const view = trackTimed('viewed')
      return () => {
        track('closed')
        view.complete({ by: 'user' })
      }
    }, [track, trackTimed])
    return null
  }

  test('cleanups count when the component is unmounted, and only then', async () => {
    await render(<Dialog />)
    expect(types()).toEqual(['opened'])
    await render(null)
    expect(types()).toEqual(['opened', 'layout_left', 'closed', 'viewed'])
  })

  test('cleanups count of a component that lives for one task', async () => {
    function Flash() {
      const [isOpen, setOpen] = useState(true)
      useLayoutEffect(() => setOpen(false), [])
      return isOpen && <Dialog />
    }
    await render(<Flash />, Fragment as unknown as typeof StrictMode)
    expect(types().sort()).toEqual(['closed', 'layout_left', 'opened', 'viewed'])
  })

  test('effects of a child that record by a function of its parent count once', async () => {
    function Child({ onMount }: { onMount: (name: string) => void }) {
      useLayoutEffect(() => onMount('layout'), [onMount])
      useEffect(() => onMount('effect'), [onMount])
      return null
    }
    function Parent() {
      const { track } = useActivityTracker()
      const [onMount] = useState(() => (name: string) => void track(name))
      return <Child onMount={onMount} />
    }
    await render(<Parent />)
    expect(types()).toEqual(['layout', 'effect'])
  })

  test('metadata that JSON cannot express does not throw', async () => {
    function Page() {
      const { track } = useActivityTracker()
      useEffect(() => {
        track('big', { metadata: { n: 1n } })
      }, [track])
      return null
    }
    await render(<Page />)
    expect(types().length).toBeLessThanOrEqual(1)
  })
})

describe('the newest options count', () => {
  let requests: { url: string; authorization: string | null; key: string | undefined }[]
  let activity: ReturnType<typeof useActivityTracker>
  beforeEach(() => {
    requests = []
    vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
      const { key, events } = JSON.parse(String(init.body))
      const authorization = new Headers(init.headers).get('authorization')
      requests.push({ url, authorization, key })
      return Response.json({ received: events.length, results: [] })
    })
  })

  function Page() {
    activity = useActivityTracker()
    return null
  }
  const record = () =>
    act(async () => {
      activity.track('clicked', { immediate: true })
      await activity.flush()
    })

  test('getToken from the state of a component (T18)', async () => {
    let setToken: (token: string) => void = () => {}
    function App() {
      const [token, set] = useState('T1')
      setToken = set
      return (
        <ActivityTrackerProvider
          userEmail="ada@example.com"
          namespace={namespace}
          getToken={() => token}
        >
          <Page />
        </ActivityTrackerProvider>
      )
    }
    await act(async () => root.render(<App />))
    await record()
    await act(async () => setToken('T2'))
    await record()
    expect(requests.map(({ authorization }) => authorization)).toEqual(['Bearer T1', 'Bearer T2'])
  })

  test('a key and an endpoint that come later (T19)', async () => {
    const render = (writeKey?: string, endpoint?: string) =>
      act(async () =>
        root.render(
          <ActivityTrackerProvider
            userEmail="ada@example.com"
            namespace={namespace}
            endpoint={endpoint}
            writeKey={writeKey}
          >
            <Page />
          </ActivityTrackerProvider>,
        ),
      )
    await render()
    await record()
    await render('ae_write_x')
    await record()
    await render('ae_write_y', 'http://events.example.com')
    await record()
    expect(requests.map(({ key }) => key)).toEqual([undefined, 'ae_write_x', 'ae_write_y'])
    expect(requests[2]?.url).toMatch(/^http:\/\/events\.example\.com\//)
  })

  test('a new getToken at each render does not loop with the status (T18)', async () => {
    let renders = 0
    function Alone() {
      renders++
      activity = useActivityTracker('ada@example.com', { namespace, getToken: async () => 'T1' })
      return useActivityStatus({ namespace }).queueSize
    }
    await act(async () => root.render(<Alone />))
    for (let n = 0; n < 20; n++) await act(nextTask)
    expect(renders).toBeLessThan(10)
    await record()
    expect(requests.map(({ authorization }) => authorization)).toEqual(['Bearer T1'])
  })

  test('sanitize from the state of a component (T18)', async () => {
    const render = (isAllowed: boolean) =>
      act(async () =>
        root.render(
          <ActivityTrackerProvider
            userEmail="ada@example.com"
            namespace={namespace}
            sanitize={(event) => (isAllowed ? event : null)}
          >
            <Page />
          </ActivityTrackerProvider>,
        ),
      )
    await render(true)
    expect(activity.track('allowed')).toBeDefined()
    await render(false)
    expect(activity.track('withheld')).toBeUndefined()
    expect(types()).toEqual(['allowed'])
  })

  test('a component that names fewer options removes none (T19)', async () => {
    function Main() {
      activity = useActivityTracker('ada@example.com', { namespace, key: 'ae_write_x' })
      return <Detail />
    }
    function Detail() {
      useActivityTracker(undefined, { namespace })
      return null
    }
    await act(async () => root.render(<Main />))
    await record()
    expect(requests.map(({ key }) => key)).toEqual(['ae_write_x'])
  })

  test('of a hook without a provider (T18)', async () => {
    function Alone({ token }: { token: string }) {
      activity = useActivityTracker('ada@example.com', { namespace, getToken: () => token })
      return null
    }
    for (const token of ['T1', 'T2']) {
      await act(async () => root.render(<Alone token={token} />))
      await record()
    }
    expect(requests.map(({ authorization }) => authorization)).toEqual(['Bearer T1', 'Bearer T2'])
  })
})

test('hooks that name two users cause one warning (T21)', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const users = async (first: string, second?: string) => {
    await act(async () =>
      root.render(
        <ActivityTrackerProvider namespace={namespace}>
          <Page key="first" email={first} />
          <Page key="second" email={second} />
        </ActivityTrackerProvider>,
      ),
    )
    await nextTask()
  }
  function Page({ email }: { email?: string | undefined }) {
    useActivityTracker(email)
    return null
  }
  await users('ada@example.com')
  await users('ada@example.com', 'ada@example.com')
  await users('bob@example.com', 'bob@example.com')
  expect(warn).not.toHaveBeenCalled()
  await users('bob@example.com', 'ada@example.com')
  expect(warn.mock.calls).toHaveLength(1)
  expect(warn.mock.calls[0]?.[0]).toContain('bob@example.com, ada@example.com')
})

describe('a hook outside of the provider (T15)', () => {
  let track: ReturnType<typeof useActivityTracker>['track']
  const Outside = () => {
    track = useActivityTracker(undefined, { getToken: () => 'not of the provider' }).track
    return useActivityStatus().queueSize
  }
  const Provider = () => (
    <ActivityTrackerProvider
      userEmail="ada@example.com"
      namespace={namespace}
      endpoint="http://events.example.com"
      writeKey="ae_write_x"
    >
      x
    </ActivityTrackerProvider>
  )

  test.each([
    ['before', [<Outside key="1" />, <Provider key="2" />]],
    ['after', [<Provider key="1" />, <Outside key="2" />]],
  ])('records by the tracker of the provider, mounted %s it', async (_, page) => {
    const urls: string[] = []
    vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
      const { key, events } = JSON.parse(String(init.body))
      urls.push(`${url} ${key} ${new Headers(init.headers).get('authorization')}`)
      return Response.json({ received: events.length, results: [] })
    })
    await act(async () => root.render(page))
    await act(async () => {
      expect(track('clicked', { immediate: true })).toBeDefined()
      expect(types()).toEqual(['clicked'])
      await nextTask()
    })
    await act(() => vi.waitFor(() => expect(types()).toEqual([])))
    expect(urls).toEqual(['http://events.example.com/api/events/log/batch ae_write_x null'])
  })
})
