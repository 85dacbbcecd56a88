import { useState } from 'react'
import { Icon } from './icon'

/** One line of text, and what to do with it; then the next. */
export function AddLine({
  label,
  hint,
  onAdd,
}: {
  label: string
  hint: string
  onAdd: (text: string) => void
}) {
  const [text, setText] = useState('')
  return (
    <form
      className="add-line"
      onSubmit={(event) => {
        event.preventDefault()
        if (!text.trim()) return
        onAdd(text.trim())
        setText('')
      }}
    >
      <input
        className="input"
        aria-label={label}
        placeholder={hint}
        maxLength={120}
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <button type="submit" className="button" disabled={!text.trim()}>
        <Icon of="plus" />
        Add
      </button>
    </form>
  )
}
