import { useEffect, useMemo, useRef, useState } from 'react'
import { queryString } from '../api/client'
import { type StreamState, streamEvents } from '../api/stream'
import type { ActivityEvent } from '../api/types'
import { Card, PageHead } from '../parts/card'
import { EventList } from '../parts/event-list'
import { Empty, Failure } from '../parts/states'
import { count } from '../view/format'
import { useView } from '../view/view'

// The number of events on the page; older ones are on the pages of users and sessions.
const EVENTS_SHOWN = 200

const STATE_NAMES: Record<StreamState, string> = {
  connecting: 'Connecting …',
  open: 'Live',
  waiting: 'Connection lost. Reconnecting …',
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
      <PageHead title="Live">Events as they arrive.</PageHead>
      <Card
        title={isPaused ? 'Paused' : STATE_NAMES[live.state]}
        hint={
          <>
            {count(live.seen)} events since you opened this page
            {isPaused && live.waiting ? `, ${count(live.waiting)} waiting` : ''}
            <span className="visually-hidden" role="status">
              {STATE_NAMES[live.state]}
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
            {isPaused ? 'Resume' : 'Pause'}
          </button>
        }
      >
        {live.error ? (
          <Failure error={live.error} />
        ) : live.events.length ? (
          <EventList events={live.events} tz={view.tz} showUser />
        ) : (
          <Empty>No events yet. Use the demo to see its events here.</Empty>
        )}
      </Card>
    </>
  )
}

interface Shown {
  events: readonly ActivityEvent[]
  /** How many events had arrived when the latest of them did. */
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
  const search = queryString(params)

  // biome-ignore lint/correctness/useExhaustiveDependencies: `search` represents `params`
  useEffect(() => {
    const controller = new AbortController()
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
    streamEvents(
      params,
      controller.signal,
      (event) => {
        const { events, seen } = arrived.current
        arrived.current = { events: [event, ...events].slice(0, EVENTS_SHOWN), seen: seen + 1 }
        // Batches events into one render per frame.
        frame ||= requestAnimationFrame(show)
      },
      (next, failure) => {
        setState(next)
        if (failure) setError(failure)
      },
    )
    return () => {
      controller.abort()
      cancelAnimationFrame(frame)
    }
  }, [search])

  useEffect(() => {
    if (!isPaused) setShown(arrived.current)
  }, [isPaused])

  return { state, error, events: shown.events, seen, waiting: seen - shown.seen }
}
