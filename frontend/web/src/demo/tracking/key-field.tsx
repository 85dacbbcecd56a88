import { useState } from 'react'
import { setWriteKey, writeKey } from './tracker'

/** The write key, for a service that requires keys. */
export function KeyField({ isRefused }: { isRefused: boolean }) {
  const [key, setKey] = useState(writeKey)
  return (
    <details className="key" open={isRefused || undefined}>
      <summary>Write key</summary>
      <form
        className="add-line"
        onSubmit={(event) => {
          event.preventDefault()
          setWriteKey(key.trim())
        }}
      >
        <input
          className="input"
          aria-label="Write key"
          placeholder="ae_write_…"
          autoComplete="off"
          spellCheck={false}
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
        <button type="submit" className="button small">
          Save
        </button>
      </form>
      <p className="quiet-text">Stored for this tab only. Local mode needs no key.</p>
    </details>
  )
}
