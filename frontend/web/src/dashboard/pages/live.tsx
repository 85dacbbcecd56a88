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
          <span role="status">
            {count(live.seen)} since you look
            {isPaused && live.held ? `, ${count(live.held)} held back` : ''}
          </span>
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

function useLive(params: Record<string, readonly string[]>, isPaused: boolean) {
  const [state, setState] = useState<StreamState>('connecting')
  const [error, setError] = useState<Error | null>(null)
  const [shown, setShown] = useState<ActivityEvent[]>([])
  const [seen, setSeen] = useState(0)
  const arrived = useRef<ActivityEvent[]>([])
  const paused = useRef(isPaused)
  paused.current = isPaused
  const asked = queryString(params)

  // biome-ignore lint/correctness/useExhaustiveDependencies: `asked` is what `params` say
  useEffect(() => {
    const end = new AbortController()
    arrived.current = []
    setShown([])
    setSeen(0)
    setError(null)
    let frame = 0
    const show = () => {
      frame = 0
      if (!paused.current) setShown(arrived.current)
      setSeen(total)
    }
    let total = 0
    follow(
      params,
      end.signal,
      (event) => {
        total += 1
        arrived.current = [event, ...arrived.current].slice(0, EVENTS_SHOWN)
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

  const held = isPaused ? arrived.current.indexOf(shown[0] as ActivityEvent) : 0
  return { state, error, events: shown, seen, held: held < 0 ? arrived.current.length : held }
}
