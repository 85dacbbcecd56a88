import { useEffect, useMemo, useRef, useState } from 'react'
import { queryString } from '../api/client'
import { follow, type StreamState } from '../api/stream'
import type { ActivityEvent } from '../api/types'
import { Card, PageHead } from '../parts/card'
import { EventList } from '../parts/event-list'
import { Empty, Failure } from '../parts/states'
import { count } from '../view/format'
import { useView } from '../view/view'

// What is on the page; older ones are in the lists of sessions and users.
const EVENTS_SHOWN = 200

const SAID: Record<StreamState, string> = {
  connecting: 'Connecting …',
  open: 'Live',
  waiting: 'The connection broke off; trying again.',
  failed: 'Not connected',
}

export default function Live() {
  const [view] = useView()
  const params = useMemo(
    () => ({ user_email: view.userEmails, ...view.filters }),
    [view.userEmails, view.filters],
  )
  const [isPaused, setPaused] = useState(false)
  const live = useLive(params, isPaused)
  return (
    <>
      <PageHead title="Live">Events as they are committed, in the order of their arrival.</PageHead>
      <Card
        title={isPaused ? 'Paused' : SAID[live.state]}
        hint={
          <>
            {count(live.seen)} since you look
            {isPaused && live.held ? `, ${count(live.held)} held back` : ''}
            <span className="visually-hidden" role="status">
              {SAID[live.state]}
            </span>
          </>
        }
        actions={
          <button
            type="button"
            className="button"
            aria-pressed={isPaused}
            onClick={() => setPaused(!isPaused)}
          >
            {isPaused ? 'Go on' : 'Pause'}
          </button>
        }
      >
        {live.error ? (
          <Failure error={live.error} />
        ) : live.events.length ? (
          <EventList events={live.events} tz={view.tz} showUser />
        ) : (
          <Empty>Nothing yet. Do something in the demo, and see it here.</Empty>
        )}
      </Card>
    </>
  )
}

interface Shown {
  events: readonly ActivityEvent[]
  /** How many had come when the latest of them did. */
  seen: number
}

const NOTHING: Shown = { events: [], seen: 0 }

function useLive(params: Record<string, readonly string[]>, isPaused: boolean) {
  const [state, setState] = useState<StreamState>('connecting')
  const [error, setError] = useState<Error | null>(null)
  const [shown, setShown] = useState(NOTHING)
  const [seen, setSeen] = useState(0)
  const arrived = useRef(NOTHING)
  const paused = useRef(isPaused)
  paused.current = isPaused
  const asked = queryString(params)

  // biome-ignore lint/correctness/useExhaustiveDependencies: `asked` is what `params` say
  useEffect(() => {
    const end = new AbortController()
    arrived.current = NOTHING
    setShown(NOTHING)
    setSeen(0)
    setError(null)
    let frame = 0
    const show = () => {
      frame = 0
      if (!paused.current) setShown(arrived.current)
      setSeen(arrived.current.seen)
    }
    follow(
      params,
      end.signal,
      (event) => {
        const { events, seen } = arrived.current
        arrived.current = { events: [event, ...events].slice(0, EVENTS_SHOWN), seen: seen + 1 }
        // Many events are drawn at once.
        frame ||= requestAnimationFrame(show)
      },
      (now, failure) => {
        setState(now)
        if (failure) setError(failure)
      },
    )
    return () => {
      end.abort()
      cancelAnimationFrame(frame)
    }
  }, [asked])

  useEffect(() => {
    if (!isPaused) setShown(arrived.current)
  }, [isPaused])

  return { state, error, events: shown.events, seen, held: seen - shown.seen }
}
