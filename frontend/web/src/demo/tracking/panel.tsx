// What the tracker does, as it does it. No product needs this; it is here to be looked at.
import { useActivityTracker } from '@activity-events/tracker/react'
import { useId, useState } from 'react'
import { Icon } from '../parts/icon'
import { KeyField } from './key-field'
import { RecentList } from './recent-list'
import { enterTunnel, leaveTunnel } from './tunnel'
import type { User } from './user'
import './panel.css'

const COLLAPSED_KEPT_AS = 'workhub-panel'
const WIDE = '(min-width: 1200px)'

export function TrackerPanel({ user }: { user: User }) {
  const { status } = useActivityTracker()
  const [isOpen, setOpen] = useOpen()
  const id = useId()
  return (
    <aside className="tracker" aria-label="Activity tracker" data-open={isOpen}>
      <button
        type="button"
        className="tracker-head"
        aria-expanded={isOpen}
        aria-controls={id}
        onClick={() => setOpen(!isOpen)}
      >
        <span className="status-dot" data-online={status.online} aria-hidden="true" />
        <strong>Tracker</strong>
        <span className="quiet-text">
          {status.online ? 'online' : 'offline'}, {status.queueSize} queued
        </span>
        <Icon of="chevron" />
      </button>
      <div id={id} className="tracker-body" hidden={!isOpen}>
        <Numbers />
        <label className="check">
          <input
            type="checkbox"
            role="switch"
            checked={!status.online}
            aria-checked={!status.online}
            onChange={() => (status.online ? enterTunnel() : leaveTunnel())}
          />
          Go offline
        </label>
        <RecentList />
        <KeyField isRefused={status.lastError?.status === 401} />
        <p className="tracker-links">
          <a href="/dashboard/live">Watch live</a>
          <a href={`/dashboard/users/${encodeURIComponent(user.email)}`}>
            All that {user.first} did
          </a>
        </p>
      </div>
    </aside>
  )
}

function Numbers() {
  const { status, queueSize, sessionId } = useActivityTracker()
  const { lastAckAt, lastError } = status
  return (
    <>
      <dl className="numbers">
        <div>
          <dt>Queue</dt>
          <dd>{queueSize}</dd>
        </div>
        <div>
          <dt>In flight</dt>
          <dd>{status.inFlight}</dd>
        </div>
        <div>
          <dt>Dropped</dt>
          <dd>{status.dropped}</dd>
        </div>
        <div>
          <dt>Last ack</dt>
          <dd>{lastAckAt ? new Date(lastAckAt).toLocaleTimeString('en-GB') : 'none yet'}</dd>
        </div>
        <div className="wide">
          <dt>Session</dt>
          <dd>
            <code>{sessionId}</code>
          </dd>
        </div>
      </dl>
      {lastError && (
        <p className="tracker-error">
          Last error: {lastError.status || 'no answer'} {lastError.message}
        </p>
      )}
    </>
  )
}

/** Remembered; at first it is open where there is room beside the page. */
function useOpen(): [boolean, (isOpen: boolean) => void] {
  const [isOpen, setOpen] = useState(() => {
    try {
      const kept = localStorage.getItem(COLLAPSED_KEPT_AS)
      if (kept) return kept === 'open'
    } catch {
      // Storage is blocked.
    }
    return matchMedia(WIDE).matches
  })
  return [
    isOpen,
    (wanted) => {
      setOpen(wanted)
      try {
        localStorage.setItem(COLLAPSED_KEPT_AS, wanted ? 'open' : 'collapsed')
      } catch {
        // Until the page is closed, then.
      }
    },
  ]
}
