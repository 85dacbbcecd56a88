import { EVENT_TYPES, useActivityTracker } from '@activity-events/tracker/react'
import { Icon } from '../parts/icon'
import { titled } from '../parts/pieces'
import { useHub } from '../state/store'
import { type Email, type Feedback, LABELS, type Label } from '../state/types'

/** The predicted label of an email, with feedback and correction. */
export function EmailLabel({ email }: { email: Email }) {
  const { dispatch } = useHub()
  const { track } = useActivityTracker()
  const { id, label } = email
  const entity = { entityType: 'email', entityId: id }

  function rate(feedback: Feedback) {
    dispatch({ type: 'rate_email', emailId: id, feedback })
    track(EVENT_TYPES.EMAIL_FEEDBACK_GIVEN, { ...entity, metadata: { label, feedback } })
  }

  function categorize(chosen: Label) {
    dispatch({ type: 'label_email', emailId: id, label: chosen })
    track(EVENT_TYPES.EMAIL_CATEGORIZED, { ...entity, metadata: { label: chosen, from: label } })
  }

  return (
    <div className="email-label">
      <Icon name="spark" />
      <label>
        Label{' '}
        <select
          className="input"
          value={label}
          onChange={(event) => categorize(event.target.value as Label)}
        >
          {LABELS.map((option) => (
            <option key={option} value={option}>
              {titled(option)}
            </option>
          ))}
        </select>
      </label>
      <span className="quiet-text">Is this correct?</span>
      {(['up', 'down'] as const).map((feedback) => (
        <button
          key={feedback}
          type="button"
          className="button small icon-only"
          aria-pressed={email.feedback === feedback}
          onClick={() => rate(feedback)}
        >
          <Icon name={feedback} />
          <span className="visually-hidden">{feedback === 'up' ? 'Correct' : 'Incorrect'}</span>
        </button>
      ))}
    </div>
  )
}
