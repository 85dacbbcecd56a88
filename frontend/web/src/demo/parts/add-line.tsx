import { useState } from 'react'
import { Icon } from './icon'

/** A one-line form that adds an item and clears itself. */
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
        <Icon name="plus" />
        Add
      </button>
    </form>
  )
}
