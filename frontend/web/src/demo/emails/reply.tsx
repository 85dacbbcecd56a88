import { EVENT_TYPES, useActivityTracker } from '@activity-events/tracker/react'
import { useState } from 'react'
import { Icon } from '../parts/icon'
import { useHub } from '../state/store'
import type { Email } from '../state/types'

export function Reply({ email }: { email: Email }) {
  const { dispatch } = useHub()
  const { track } = useActivityTracker()
  const [draft, setDraft] = useState('')
  const text = draft.trim()

  function reply() {
    dispatch({ type: 'reply_to_email', emailId: email.id, text })
    track(EVENT_TYPES.EMAIL_REPLIED, {
      entityType: 'email',
      entityId: email.id,
      metadata: { label: email.label, reply_length: text.length },
    })
    setDraft('')
  }

  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault()
        if (text) reply()
      }}
    >
      <label className="field">
        <span>Reply to {email.from}</span>
        <textarea
          className="input"
          rows={3}
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
        />
      </label>
      <div className="modal-actions">
        <button type="submit" className="button primary" disabled={!text}>
          <Icon name="reply" />
          Send reply
        </button>
      </div>
    </form>
  )
}
