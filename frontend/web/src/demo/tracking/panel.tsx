// The tracker’s live status; for demonstration only.
import { useActivityStatus } from '@activity-events/tracker/react'
import { useId, useState } from 'react'
import { BASE_PATH } from '../../base-path'
import { Icon } from '../parts/icon'
import { KeyField } from './key-field'
import { goOffline, goOnline } from './offline'
import { RecentList } from './recent-list'
import type { User } from './user'
import './panel.css'

const STORAGE_KEY = 'workhub-panel'
const WIDE = '(min-width: 1200px)'

export function TrackerPanel({ user }: { user: User }) {
  const status = useActivityStatus()
  const [isOpen, setOpen] = useOpen()
  const [isOffline, setOffline] = useState(false)
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
        <Icon name="chevron" />
      </button>
      <div id={id} className="tracker-body" hidden={!isOpen}>
        <Numbers />
        <label className="check">
          <input
            type="checkbox"
            role="switch"
            checked={isOffline}
            aria-checked={isOffline}
            onChange={() => {
              setOffline(!isOffline)
              isOffline ? goOnline() : goOffline()
            }}
          />
          Go offline
        </label>
        <RecentList />
        <KeyField isRefused={status.lastError?.status === 401} />
        <p className="tracker-links">
          <a href={`${BASE_PATH}/dashboard/live`}>View live events</a>
          <a href={`${BASE_PATH}/dashboard/users/${encodeURIComponent(user.email)}`}>
            {user.first}’s activity
          </a>
        </p>
      </div>
    </aside>
  )
}

function Numbers() {
  const { queueSize, inFlight, dropped, lastAckAt, lastError, sessionId } = useActivityStatus()
  return (
    <>
      <dl className="numbers">
        <div>
          <dt>Queue</dt>
          <dd>{queueSize}</dd>
        </div>
        <div>
          <dt>In flight</dt>
          <dd>{inFlight}</dd>
        </div>
        <div>
          <dt>Dropped</dt>
          <dd>{dropped}</dd>
        </div>
        <div>
          <dt>Last ack</dt>
          <dd>{lastAckAt ? new Date(lastAckAt).toLocaleTimeString('en-GB') : 'None'}</dd>
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
          Last error: {lastError.status || 'no response'} {lastError.message}
        </p>
      )}
    </>
  )
}

/** Stored in localStorage; open by default on wide screens. */
function useOpen(): [boolean, (isOpen: boolean) => void] {
  const [isOpen, setOpen] = useState(() => {
    try {
      const stored = localStorage.getItem(STORAGE_KEY)
      if (stored) return stored === 'open'
    } catch {
      // Storage is blocked.
    }
    return matchMedia(WIDE).matches
  })
  return [
    isOpen,
    (next) => {
      setOpen(next)
      try {
        localStorage.setItem(STORAGE_KEY, next ? 'open' : 'collapsed')
      } catch {
        // Storage is blocked: lost with the page.
      }
    },
  ]
}
