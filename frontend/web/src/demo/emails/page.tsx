import { Link } from 'wouter'
import { whenOf } from '../days'
import { LabelTag, NotFound, PageHead } from '../parts/pieces'
import { useHub } from '../state/store'
import type { Email } from '../state/types'
import { OpenEmail } from './open-email'
import './emails.css'

/** The list beside the open email; on a small screen, one of the two. */
export function EmailsPage({ id }: { id?: string | undefined }) {
  const { state } = useHub()
  const inbox = state.emails.filter((email) => !email.isArchived)
  const email = state.emails.find((it) => it.id === id)
  const unread = inbox.filter((it) => it.isUnread).length
  return (
    <>
      <PageHead title="Emails" hint={unread ? `${unread} unread` : 'No unread emails'} />
      <div className="mail" data-open={id !== undefined}>
        <nav className="card mail-list" aria-label="Inbox">
          <ul>
            {inbox.map((it) => (
              <Row key={it.id} email={it} isOpen={it.id === id} />
            ))}
          </ul>
          {inbox.length === 0 && <p className="empty">Your inbox is empty.</p>}
        </nav>
        {email ? (
          <OpenEmail key={email.id} email={email} />
        ) : id ? (
          <NotFound title="Email" />
        ) : (
          <p className="card empty mail-none">Select an email to read it.</p>
        )}
      </div>
    </>
  )
}

function Row({ email, isOpen }: { email: Email; isOpen: boolean }) {
  return (
    <li>
      <Link href={`/emails/${email.id}`} aria-current={isOpen ? 'true' : undefined}>
        <span className="mail-from">
          {email.isUnread && <span className="unread-dot" aria-hidden="true" />}
          <span className={email.isUnread ? 'is-unread' : ''}>{email.from}</span>
          {email.isUnread && <span className="visually-hidden">, unread</span>}
          <span className="quiet-text">{whenOf(email.receivedAt, new Date())}</span>
        </span>
        <span className="mail-subject">{email.subject}</span>
        <LabelTag label={email.label} />
      </Link>
    </li>
  )
}
