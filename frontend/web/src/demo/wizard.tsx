// The AI project wizard: begun, finished with its time, given up, or broken off by an error.
import { EVENT_TYPES, type TimedEvent, useActivityTracker } from '@activity-events/tracker/react'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { useLocation, useSearchParams } from 'wouter'
import { Dialog } from './dialog'
import { useHub } from './store'

interface Plan {
  title: string
  goal: string
  subtasks: string[]
}

const THINKING_MS = 700

/** What stands in for the model: it takes its time, and sometimes fails. */
async function plan(idea: string, fails: boolean): Promise<Plan> {
  await new Promise((resolve) => setTimeout(resolve, THINKING_MS))
  if (fails) throw new Error('The model is overloaded.')
  return {
    title: idea,
    goal: `${idea} is done, and everybody knows it`,
    subtasks: ['Write down what is known', 'Ask those who know more', 'Do the first small step'],
  }
}

/** Open with `?wizard` on any page of the hub. */
export default function Wizard() {
  const [search, setSearch] = useSearchParams()
  const close = () =>
    setSearch((before) => {
      before.delete('wizard')
      return before
    })
  return search.has('wizard') ? <Open onClose={close} /> : null
}

function Open({ onClose }: { onClose: () => void }) {
  const [hub, change] = useHub()
  const { track, trackTimed } = useActivityTracker()
  const [, navigate] = useLocation()
  const [found, setFound] = useState<Plan | null>(null)
  const [error, setError] = useState<string | null>(null)
  const [isThinking, setThinking] = useState(false)
  const timed = useRef<TimedEvent>(null)
  const isOver = useRef(false)
  const madeAt = useRef<string>(null)

  useEffect(() => {
    track(EVENT_TYPES.AI_WIZARD_STARTED)
    timed.current = trackTimed(EVENT_TYPES.AI_WIZARD_COMPLETED)
  }, [track, trackTimed])

  const think = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    setThinking(true)
    setError(null)
    try {
      setFound(await plan(String(form.get('idea')), form.has('fails')))
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : 'It failed.')
      isOver.current = true
      timed.current?.cancel()
      track(EVENT_TYPES.AI_WIZARD_CANCELLED, { metadata: { reason: 'error', step: 'plan' } })
    } finally {
      setThinking(false)
    }
  }
  const create = (wanted: Plan) => {
    isOver.current = true
    timed.current?.complete({ subtasks: wanted.subtasks.length })
    change({ type: 'create-project', priority: 'medium', ...wanted })
    track(EVENT_TYPES.PROJECT_CREATED, {
      entityType: 'project',
      entityId: `p-${hub.nextId}`,
      metadata: { priority: 'medium', source: 'wizard' },
    })
    madeAt.current = `/projects/p-${hub.nextId}`
  }
  const leave = () => {
    if (!isOver.current)
      track(EVENT_TYPES.AI_WIZARD_CANCELLED, {
        metadata: { reason: 'user', step: found ? 'review' : 'plan' },
      })
    timed.current?.cancel()
    if (madeAt.current) navigate(madeAt.current)
    else onClose()
  }
  return (
    <Dialog modal="ai_wizard" title="Plan a project" onClose={leave}>
      {found ? (
        <>
          <p>{found.goal}</p>
          <ol className="plain-list">
            {found.subtasks.map((subtask) => (
              <li key={subtask}>{subtask}</li>
            ))}
          </ol>
          <form method="dialog" className="row">
            <button type="submit" className="button primary" onClick={() => create(found)}>
              Create it
            </button>
            <button type="submit" className="button">
              Leave it
            </button>
          </form>
        </>
      ) : (
        <form className="stack" onSubmit={think}>
          <label className="field">
            <span>What is it about?</span>
            <input className="input" name="idea" required autoComplete="off" />
          </label>
          <label className="check">
            <input type="checkbox" name="fails" /> Make the AI fail
          </label>
          {error && <p role="alert">{error}</p>}
          <div className="row">
            <button type="submit" className="button primary" disabled={isThinking}>
              {isThinking ? 'Thinking …' : 'Make a plan'}
            </button>
            <button
              type="button"
              className="button"
              onClick={(event) => event.currentTarget.closest('dialog')?.close()}
            >
              Leave it
            </button>
          </div>
        </form>
      )}
    </Dialog>
  )
}
