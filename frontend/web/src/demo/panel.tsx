// What the tracker is doing: a corner that a product would not show, and a demo should.
import { useActivityTracker } from '@activity-events/tracker/react'
import { type FormEvent, useState } from 'react'
import { setCut, useIsCut } from './network'
import { useHub } from './store'
import { setWriteKey } from './user'

// Below that it would stand before what it is about.
const NARROW = 820

export function Panel({ user }: { user: string }) {
  const { status, flush } = useActivityTracker()
  const [, change] = useHub()
  const isCut = useIsCut()
  const [isOpen, setOpen] = useState(() => innerWidth > NARROW)
  const needsKey = status.lastError?.status === 401
  return (
    <aside className="panel" aria-label="Tracker">
      <button
        type="button"
        className="panel-head"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        <span className="panel-dot" data-state={stateOf(status, isCut)} />
        Tracker
        <span className="panel-count">
          {status.queueSize === 0 ? 'all sent' : `${status.queueSize} waiting`}
        </span>
      </button>
      {isOpen && (
        <div className="panel-body">
          <dl>
            <Fact name="Queue" value={String(status.queueSize)} />
            <Fact name="In flight" value={String(status.inFlight)} />
            <Fact
              name="Last ack"
              value={
                status.lastAckAt
                  ? new Date(status.lastAckAt).toLocaleTimeString('en-GB')
                  : 'none yet'
              }
            />
            <Fact name="Kept in" value={status.storage} />
            <Fact name="Session" value={status.sessionId.slice(-8)} />
            {status.dropped > 0 && <Fact name="Dropped" value={String(status.dropped)} />}
          </dl>
          {status.lastError && !isCut && (
            <p className="panel-error" role="status">
              {status.lastError.message}
            </p>
          )}
          {needsKey && <KeyForm />}
          <label className="panel-switch">
            <input
              type="checkbox"
              checked={isCut}
              onChange={(event) => setCut(event.target.checked)}
            />
            Offline
          </label>
          <div className="row">
            <button type="button" className="button small" onClick={() => flush()}>
              Send now
            </button>
            <button
              type="button"
              className="button small"
              onClick={() => change({ type: 'reset' })}
            >
              Reset the hub
            </button>
          </div>
          <p className="quiet-text">
            See it <a href="/dashboard/live">live</a>, or{' '}
            <a href={`/dashboard/users/${encodeURIComponent(user)}`}>all of yours</a>.
          </p>
        </div>
      )}
    </aside>
  )
}

function stateOf(
  status: { online: boolean; queueSize: number; lastError: object | null },
  isCut: boolean,
) {
  if (isCut || !status.online) return 'offline'
  if (status.lastError) return 'error'
  return status.queueSize ? 'sending' : 'idle'
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function KeyForm() {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    setWriteKey(String(new FormData(event.currentTarget).get('key')).trim())
  }
  return (
    <form className="row" onSubmit={submit}>
      <label className="field">
        <span>Write key</span>
        <input className="input" name="key" required autoComplete="off" />
      </label>
      <button type="submit" className="button small">
        Use it
      </button>
    </form>
  )
}
