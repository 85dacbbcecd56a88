import { EVENT_TYPES, type TimedEvent, useActivityTracker } from '@activity-events/tracker/react'
import { useState } from 'react'
import { dateOf, shortDay } from '../days'
import { Icon } from '../parts/icon'
import { PageHead } from '../parts/pieces'
import { useHub } from '../state/store'
import type { Standup } from '../state/types'
import { type Answers, StandupForm } from './form'

export function StandupPage() {
  const { state, dispatch } = useHub()
  const { track, trackTimed } = useActivityTracker()
  // Measures the duration while a standup is in progress.
  const [timed, setTimed] = useState<TimedEvent | null>(null)
  const on = dateOf(new Date())
  const todays = state.standups.find((standup) => standup.on === on)
  const entity = { entityType: 'standup', entityId: `s-${on}` }

  function start() {
    track(EVENT_TYPES.STANDUP_STARTED, entity)
    setTimed(trackTimed(EVENT_TYPES.STANDUP_COMPLETED, entity))
  }

  function complete(answers: Answers) {
    dispatch({ type: 'save_standup', standup: { ...answers, on, isSkipped: false } })
    const words = Object.values(answers).join(' ').split(/\s+/).filter(Boolean).length
    timed?.complete({ has_blockers: answers.blockers !== '', words })
    setTimed(null)
  }

  function skip() {
    dispatch({
      type: 'save_standup',
      standup: { on, isSkipped: true, yesterday: '', today: '', blockers: '' },
    })
    track(EVENT_TYPES.STANDUP_SKIPPED, entity)
    timed?.cancel()
    setTimed(null)
  }

  return (
    <>
      <PageHead title="Standup" hint="Three questions, two minutes." />
      {timed ? (
        <StandupForm onComplete={complete} onSkip={skip} />
      ) : (
        !todays && (
          <section className="card call" aria-labelledby="todays">
            <h2 id="todays">Today’s standup is due</h2>
            <p className="quiet-text">Share your update with the team.</p>
            <div className="row">
              <button type="button" className="button primary" onClick={start}>
                <Icon name="standup" />
                Start standup
              </button>
              <button type="button" className="button" onClick={skip}>
                Skip today
              </button>
            </div>
          </section>
        )
      )}
      {state.standups.map((standup) => (
        <StandupCard key={standup.on} standup={standup} />
      ))}
    </>
  )
}

function StandupCard({ standup }: { standup: Standup }) {
  const { on, isSkipped, yesterday, today, blockers } = standup
  const day = shortDay(new Date(`${on}T12:00`))
  return (
    <section className="card" aria-labelledby={`s-${on}`}>
      <h2 id={`s-${on}`}>{day}</h2>
      {isSkipped ? (
        <p className="quiet-text">Skipped</p>
      ) : (
        <dl className="pairs">
          <dt>Yesterday</dt>
          <dd>{yesterday}</dd>
          <dt>Today</dt>
          <dd>{today}</dd>
          <dt>Blockers</dt>
          <dd>{blockers || 'None'}</dd>
        </dl>
      )}
    </section>
  )
}
