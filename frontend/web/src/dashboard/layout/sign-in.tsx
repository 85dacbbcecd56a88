import type { FormEvent } from 'react'
import { signIn, useRejection } from '../api/credential'
import { queryClient } from '../api/queries'

/** The sign-in form of a service with API keys; the credential stays in this tab. */
export function SignIn() {
  const rejection = useRejection()
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const token = String(new FormData(event.currentTarget).get('credential')).trim()
    if (!token) return
    queryClient.clear()
    signIn(token)
  }
  return (
    <main className="sign-in">
      <form className="card" onSubmit={submit}>
        <h1>Activity</h1>
        <p>
          Sign in with a read or admin key (<code>ae_read_…</code> or <code>ae_admin_…</code>), or
          with your user token to see only your own activity.
        </p>
        <label className="field">
          <span>Key or token</span>
          <input
            className="input"
            name="credential"
            type="password"
            autoComplete="off"
            required
            // biome-ignore lint/a11y/noAutofocus: the only field of the page
            autoFocus
          />
        </label>
        {rejection && (
          <p role="alert" className="notice">
            {rejection}
          </p>
        )}
        <button type="submit" className="button primary">
          Sign in
        </button>
        <p className="quiet-text">
          Stored for this tab only. Create a key with <code>activity-events keys create</code>.
        </p>
      </form>
    </main>
  )
}
