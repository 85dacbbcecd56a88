import { EVENT_TYPES, useActivityTracker } from '@activity-events/tracker/react'
import { useEffect } from 'react'
import { Link, useLocation } from 'wouter'
import { whenOf } from '../days'
import { Icon } from '../parts/icon'
import { Avatar } from '../parts/pieces'
import { useHub } from '../state/store'
import type { Email } from '../state/types'
import { EmailLabel } from './email-label'
import { Reply } from './reply'

export function OpenEmail({ email }: { email: Email }) {
  const { dispatch } = useHub()
  const { track } = useActivityTracker()
  const [, navigate] = useLocation()
  const entity = { entityType: 'email', entityId: email.id }

  // biome-ignore lint/correctness/useExhaustiveDependencies: one event per opened email
  useEffect(() => {
    track(EVENT_TYPES.EMAIL_OPENED, {
      ...entity,
      metadata: { label: email.label, unread: email.isUnread },
    })
    dispatch({ type: 'read_email', emailId: email.id })
  }, [email.id, track])

  function archive() {
    dispatch({ type: 'archive_email', emailId: email.id })
    track(EVENT_TYPES.EMAIL_ARCHIVED, { ...entity, metadata: { label: email.label } })
    navigate('/emails')
  }

  return (
    <article className="card email" aria-labelledby="subject">
      <Link href="/emails" className="back only-small">
        <Icon name="back" />
        Inbox
      </Link>
      <div className="card-head">
        <h2 id="subject">{email.subject}</h2>
        {!email.isArchived && (
          <button type="button" className="button small" onClick={archive}>
            <Icon name="archive" />
            Archive
          </button>
        )}
      </div>
      <p className="email-from">
        <Avatar name={email.from} />
        <span>{email.from}</span>
        <span className="quiet-text">{whenOf(email.receivedAt, new Date())}</span>
      </p>
      <EmailLabel email={email} />
      <div className="email-body">
        {email.body.map((paragraph) => (
          <p key={paragraph}>{paragraph}</p>
        ))}
      </div>
      {email.replies.map((text, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: replies are only ever added
        <p className="email-reply" key={index}>
          <span className="quiet-text">You replied</span>
          {text}
        </p>
      ))}
      <Reply email={email} />
    </article>
  )
}
