import { Link } from 'wouter'
import { eventsOn } from '../calendar/events'
import { clockOf, dateOf, fullDay, greetingAt, whenOf } from '../days'
import { Icon } from '../parts/icon'
import { LabelTag, PageHead, PriorityTag } from '../parts/pieces'
import { SubtaskRow } from '../parts/subtask-row'
import { openSubtasks } from '../state/select'
import { useHub } from '../state/store'
import type { User } from '../tracking/user'
import { WizardButton } from '../wizard/button'

const ROWS_MAX = 5

export function HomePage({ user }: { user: User }) {
  const { state } = useHub()
  const now = new Date()
  const open = openSubtasks(state)
  const unread = state.emails.filter((email) => email.isUnread && !email.isArchived)
  const meetings = eventsOn(now)
  const standup = state.standups.find(({ on }) => on === dateOf(now))
  return (
    <>
      <PageHead title={`${greetingAt(now.getHours())}, ${user.first}`} hint={fullDay(now)}>
        <WizardButton />
      </PageHead>
      <ul className="figures">
        <Figure path="/projects" value={open.length} name="open subtasks" />
        <Figure path="/emails" value={unread.length} name="unread emails" />
        <Figure path="/calendar" value={meetings.length} name="events today" />
        <Figure
          path="/standup"
          value={standup ? (standup.isSkipped ? 'Skipped' : 'Done') : 'Due'}
          name="standup"
        />
      </ul>
      <section className="card" aria-labelledby="next">
        <h2 id="next">Up next</h2>
        <ul className="subtasks">
          {open.slice(0, ROWS_MAX).map((it) => (
            <li key={it.subtask.id}>
              <SubtaskRow {...it} page="home" />
              <PriorityTag priority={it.project.priority} />
            </li>
          ))}
        </ul>
        {open.length === 0 && <p className="empty">No open subtasks.</p>}
      </section>
      <div className="halves">
        <section className="card" aria-labelledby="today">
          <h2 id="today">Today</h2>
          <ul className="lines">
            {meetings.map(({ id, title, startsAt, place }) => (
              <li key={id}>
                <Link href="/calendar">
                  <span className="clock">{clockOf(startsAt)}</span>
                  <span className="line-main">{title}</span>
                  <span className="quiet-text">{place}</span>
                </Link>
              </li>
            ))}
          </ul>
          {meetings.length === 0 && <p className="empty">No events today.</p>}
        </section>
        <section className="card" aria-labelledby="unread">
          <h2 id="unread">Unread</h2>
          <ul className="lines">
            {unread.slice(0, ROWS_MAX).map((email) => (
              <li key={email.id}>
                <Link href={`/emails/${email.id}`}>
                  <span className="line-main">{email.subject}</span>
                  <LabelTag label={email.label} />
                  <span className="quiet-text">{whenOf(email.receivedAt, now)}</span>
                </Link>
              </li>
            ))}
          </ul>
          {unread.length === 0 && <p className="empty">No unread emails.</p>}
        </section>
      </div>
    </>
  )
}

function Figure({ path, value, name }: { path: string; value: string | number; name: string }) {
  return (
    <li>
      <Link href={path} className="card figure">
        <strong>{value}</strong>
        <span>{name}</span>
        <Icon name="next" />
      </Link>
    </li>
  )
}
