import type { FormEvent } from 'react'
import { signIn, useRefusal } from '../api/credential'
import { queryClient } from '../api/queries'

/** Asked for where the service has keys; what is given stays in this tab. */
export function SignIn() {
  const refusal = useRefusal()
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const given = String(new FormData(event.currentTarget).get('credential')).trim()
    if (!given) return
    queryClient.clear()
    signIn(given)
  }
  return (
    <main className="sign-in">
      <form className="card" onSubmit={submit}>
        <h1>Activity</h1>
        <p>
          Sign in with a key that may read (<code>ae_read_…</code> or <code>ae_admin_…</code>), or
          with your user token: then you see your own activity alone.
        </p>
        <label className="field">
          <span>Key or token</span>
          <input
            className="input"
            name="credential"
            type="password"
            autoComplete="off"
            required
            // biome-ignore lint/a11y/noAutofocus: it is all that this page is for
            autoFocus
          />
        </label>
        {refusal && (
          <p role="alert" className="notice">
            {refusal}
          </p>
        )}
        <button type="submit" className="button primary">
          Sign in
        </button>
        <p className="quiet-text">
          It is kept for this tab, until it is closed. Make one with{' '}
          <code>activity-events keys create</code>.
        </p>
      </form>
    </main>
  )
}
