// Account selection, theme and reset.
import { useActivityTracker } from '@activity-events/tracker/react'
import { setTheme, useTheme } from '../../theme'
import { Icon } from '../parts/icon'
import { Avatar } from '../parts/pieces'
import { seed } from '../state/seed'
import { openSubtasks } from '../state/select'
import { useHub } from '../state/store'
import { USERS, type User } from '../tracking/user'

export function UserSelect({ user, onChange }: { user: User; onChange: (email: string) => void }) {
  return (
    <label className="user">
      <Avatar name={user.full} />
      <span className="visually-hidden">Signed in as</span>
      <select value={user.email} onChange={(event) => onChange(event.target.value)}>
        {USERS.map(({ email, first }) => (
          <option key={email} value={email}>
            {first}
          </option>
        ))}
      </select>
    </label>
  )
}

export function ThemeButton() {
  const other = useTheme() === 'dark' ? 'light' : 'dark'
  return (
    <button
      type="button"
      className="button quiet icon-only"
      title={`Switch to ${other} theme`}
      onClick={() => setTheme(other)}
    >
      <Icon name={other === 'dark' ? 'moon' : 'sun'} />
      <span className="visually-hidden">Switch to {other} theme</span>
    </button>
  )
}

export function ResetButton() {
  const { state, dispatch } = useHub()
  const { track } = useActivityTracker()

  function reset() {
    track('demo_reset', { metadata: { open_subtasks: openSubtasks(state).length } })
    dispatch({ type: 'reset', state: seed(new Date()) })
  }

  return (
    <button type="button" className="button small" onClick={reset}>
      Reset demo
    </button>
  )
}
