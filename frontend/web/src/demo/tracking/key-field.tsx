import { useState } from 'react'
import { setWriteKey, writeKey } from './tracker'

/** For a service that has keys; one in local mode asks for none. */
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
          Use
        </button>
      </form>
      <p className="quiet-text">Kept for this tab. In local mode none is needed.</p>
    </details>
  )
}
