import { EVENT_TYPES, useActivityTracker } from '@activity-events/tracker/react'
import { useState } from 'react'
import { type Email, LABELS, type Label } from '../hub'
import { useHub } from '../store'

export function Emails() {
  const [hub, change] = useHub()
  const { track } = useActivityTracker()
  const [openId, setOpenId] = useState<string | null>(null)
  const listed = hub.emails.filter((email) => email.state !== 'archived')
  const open = listed.find((email) => email.id === openId)
  const show = (email: Email) => {
    setOpenId(email.id)
    change({ type: 'open-email', emailId: email.id, at: Date.now() })
    track(EVENT_TYPES.EMAIL_OPENED, {
      entityType: 'email',
      entityId: email.id,
      metadata: { label: email.label },
    })
  }
  return (
    <>
      <h1>Emails</h1>
      <div className="inbox">
        <ul className="lines tile">
          {listed.map((email) => (
            <li key={email.id}>
              <button
                type="button"
                className="mail"
                aria-current={email.id === openId}
                data-new={email.state === 'new'}
                onClick={() => show(email)}
              >
                <span>{email.subject}</span>
                <span className="quiet-text">
                  {email.from}
                  {email.label && ` · ${email.label}`}
                  {email.state === 'replied' && ' · replied'}
                </span>
              </button>
            </li>
          ))}
          {listed.length === 0 && <li>Nothing left. Well done.</li>}
        </ul>
        {open ? <Open email={open} /> : <p className="tile quiet-text">Choose an email.</p>}
      </div>
    </>
  )
}

function Open({ email }: { email: Email }) {
  const [, change] = useHub()
  const { track } = useActivityTracker()
  const about = { entityType: 'email', entityId: email.id }
  const reply = () => {
    change({ type: 'set-email', emailId: email.id, state: 'replied' })
    track(EVENT_TYPES.EMAIL_REPLIED, {
      ...about,
      durationMs: email.openedAt ? Date.now() - email.openedAt : undefined,
      metadata: { label: email.label },
    })
  }
  const archive = () => {
    change({ type: 'set-email', emailId: email.id, state: 'archived' })
    track(EVENT_TYPES.EMAIL_ARCHIVED, { ...about, metadata: { label: email.label } })
  }
  const label = (wanted: Label) => {
    change({ type: 'label-email', emailId: email.id, label: wanted })
    track(EVENT_TYPES.EMAIL_CATEGORIZED, {
      ...about,
      metadata: { label: wanted, was: email.label },
    })
  }
  const feedback = (rating: 'good' | 'bad') =>
    track(EVENT_TYPES.EMAIL_FEEDBACK_GIVEN, { ...about, metadata: { rating, label: email.label } })
  return (
    <article className="tile stack">
      <h2>{email.subject}</h2>
      <p className="quiet-text">{email.from}</p>
      <p>{email.text}</p>
      <div className="row">
        <button type="button" className="button primary" onClick={reply}>
          Reply
        </button>
        <button type="button" className="button" onClick={archive}>
          Archive
        </button>
        <label className="field">
          <span>Label</span>
          <select
            className="input"
            value={email.label ?? ''}
            onChange={(event) => label(event.target.value as Label)}
          >
            {LABELS.map((each) => (
              <option key={each}>{each}</option>
            ))}
          </select>
        </label>
      </div>
      <fieldset className="row feedback">
        <legend className="quiet-text">Is the label right?</legend>
        <button type="button" className="button small" onClick={() => feedback('good')}>
          Yes
        </button>
        <button type="button" className="button small" onClick={() => feedback('bad')}>
          No
        </button>
      </fieldset>
    </article>
  )
}
