import { useState } from 'react'
import { Icon } from '../parts/icon'
import { PrioritySelect } from '../projects/priority-select'
import type { Priority } from '../state/types'
import type { Plan } from './ai'

export interface Request {
  text: string
  priority: Priority
  fails: boolean
}

export function Describe({
  onNext,
  onCancel,
}: {
  onNext: (request: Request) => void
  onCancel: () => void
}) {
  const [request, setRequest] = useState<Request>({ text: '', priority: 'medium', fails: false })
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault()
        if (request.text.trim()) onNext(request)
      }}
    >
      <label className="field">
        <span>What would you like to achieve?</span>
        <textarea
          className="input"
          rows={3}
          required
          placeholder="A help center that answers the most common questions"
          value={request.text}
          onChange={(event) => setRequest({ ...request, text: event.target.value })}
        />
      </label>
      <PrioritySelect
        value={request.priority}
        onChange={(priority) => setRequest({ ...request, priority })}
      />
      <label className="check">
        <input
          type="checkbox"
          checked={request.fails}
          onChange={(event) => setRequest({ ...request, fails: event.target.checked })}
        />
        Simulate an AI error
      </label>
      <div className="modal-actions">
        <button type="button" className="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className="button primary">
          <Icon name="spark" />
          Draft a plan
        </button>
      </div>
    </form>
  )
}

export function Thinking({ onCancel }: { onCancel: () => void }) {
  return (
    <div className="stack">
      <p className="thinking" role="status">
        <Icon name="spark" />
        Drafting a plan …
      </p>
      <div className="modal-actions">
        <button type="button" className="button" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </div>
  )
}

export function Failed({ onClose }: { onClose: () => void }) {
  return (
    <div className="stack">
      <p className="failure" role="alert">
        The AI is not available. No project was created. Try again later.
      </p>
      <div className="modal-actions">
        <button type="button" className="button primary" onClick={onClose}>
          Close
        </button>
      </div>
    </div>
  )
}

export function Review({
  plan,
  onCreate,
  onCancel,
}: {
  plan: Plan
  onCreate: (accepted: ReadonlySet<string>) => void
  onCancel: () => void
}) {
  const [accepted, setAccepted] = useState(() => new Set(plan.goals.map((goal) => goal.title)))
  function toggle(title: string) {
    setAccepted((before) => {
      const after = new Set(before)
      if (!after.delete(title)) after.add(title)
      return after
    })
  }
  return (
    <div className="stack">
      <p className="hint">{plan.title}</p>
      <fieldset className="suggestions">
        <legend>Suggested goals</legend>
        {plan.goals.map(({ title, subtasks }) => (
          <label className="check" key={title}>
            <input type="checkbox" checked={accepted.has(title)} onChange={() => toggle(title)} />
            <span>
              {title}
              <span className="quiet-text">{subtasks.join(', ')}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <div className="modal-actions">
        <button type="button" className="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="button" className="button primary" onClick={() => onCreate(accepted)}>
          Create project
        </button>
      </div>
    </div>
  )
}
