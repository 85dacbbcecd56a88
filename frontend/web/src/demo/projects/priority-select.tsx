import { titled } from '../parts/pieces'
import { PRIORITIES, type Priority } from '../state/types'

export function PrioritySelect({
  value,
  onChange,
}: {
  value: Priority
  onChange: (priority: Priority) => void
}) {
  return (
    <label className="field">
      <span>Priority</span>
      <select
        className="input"
        value={value}
        onChange={(event) => onChange(event.target.value as Priority)}
      >
        {PRIORITIES.map((priority) => (
          <option key={priority} value={priority}>
            {titled(priority)}
          </option>
        ))}
      </select>
    </label>
  )
}
