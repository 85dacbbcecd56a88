import { EVENT_TYPES, type TimedEvent, useActivityTracker } from '@activity-events/tracker/react'
import { type FormEvent, useRef, useState } from 'react'
import { useHub } from '../store'

const QUESTIONS = [
  ['yesterday', 'What did you do yesterday?'],
  ['today', 'What are you going to do today?'],
  ['blockers', 'What is in your way?'],
] as const

export function Standup() {
  const [hub, change] = useHub()
  const { track, trackTimed } = useActivityTracker()
  const [state, setState] = useState<'before' | 'open' | 'done' | 'skipped'>('before')
  const timed = useRef<TimedEvent>(null)
  const start = () => {
    setState('open')
    track(EVENT_TYPES.STANDUP_STARTED)
    timed.current = trackTimed(EVENT_TYPES.STANDUP_COMPLETED)
  }
  const complete = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    // What was written is the user's own: only how much of it there is.
    timed.current?.complete({
      answered: QUESTIONS.filter(([name]) => String(form.get(name)).trim()).length,
      has_blockers: String(form.get('blockers')).trim() !== '',
    })
    change({ type: 'complete-standup' })
    setState('done')
  }
  const skip = () => {
    timed.current?.cancel()
    track(EVENT_TYPES.STANDUP_SKIPPED, { metadata: { was_started: state === 'open' } })
    setState('skipped')
  }
  return (
    <>
      <h1>Standup</h1>
      {state === 'open' ? (
        <form className="tile stack" onSubmit={complete}>
          {QUESTIONS.map(([name, question]) => (
            <label key={name} className="field">
              <span>{question}</span>
              <textarea className="input" name={name} rows={2} />
            </label>
          ))}
          <div className="row">
            <button type="submit" className="button primary">
              Complete
            </button>
            <button type="button" className="button" onClick={skip}>
              Skip today
            </button>
          </div>
        </form>
      ) : (
        <section className="tile stack">
          <p role="status">
            {state === 'done'
              ? 'Done for today.'
              : state === 'skipped'
                ? 'Skipped for today.'
                : 'Three questions, two minutes.'}
          </p>
          <p className="quiet-text">{hub.standupsDone} so far</p>
          <div className="row">
            <button type="button" className="button primary" onClick={start}>
              Start the standup
            </button>
            {state === 'before' && (
              <button type="button" className="button" onClick={skip}>
                Skip today
              </button>
            )}
          </div>
        </section>
      )}
    </>
  )
}
