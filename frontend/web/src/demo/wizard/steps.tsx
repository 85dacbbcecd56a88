import { useState } from 'react'
import { Icon } from '../parts/icon'
import { PrioritySelect } from '../projects/priority-select'
import type { Priority } from '../state/types'
import type { Plan } from './ai'

export interface Wish {
  text: string
  priority: Priority
  fails: boolean
}

export function Describe({
  onNext,
  onCancel,
}: {
  onNext: (wish: Wish) => void
  onCancel: () => void
}) {
  const [wish, setWish] = useState<Wish>({ text: '', priority: 'medium', fails: false })
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault()
        if (wish.text.trim()) onNext(wish)
      }}
    >
      <label className="field">
        <span>What would you like to achieve?</span>
        <textarea
          className="input"
          rows={3}
          required
          placeholder="A help centre that answers before anybody asks"
          value={wish.text}
          onChange={(event) => setWish({ ...wish, text: event.target.value })}
        />
      </label>
      <PrioritySelect
        value={wish.priority}
        onChange={(priority) => setWish({ ...wish, priority })}
      />
      <label className="check">
        <input
          type="checkbox"
          checked={wish.fails}
          onChange={(event) => setWish({ ...wish, fails: event.target.checked })}
        />
        Make the AI fail
      </label>
      <div className="modal-actions">
        <button type="button" className="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className="button primary">
          <Icon of="spark" />
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
        <Icon of="spark" />
        Thinking about goals …
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
        The AI could not be reached. Nothing was created; please try again later.
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
