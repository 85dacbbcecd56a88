import { EVENT_TYPES, useActivityTracker } from '@activity-events/tracker/react'
import { type FormEvent, useState } from 'react'
import { Modal } from '../parts/modal'
import { idsAfter } from '../state/select'
import { useHub } from '../state/store'
import type { Priority } from '../state/types'
import { PrioritySelect } from './priority-select'

export function NewProject({ onClose }: { onClose: () => void }) {
  const { state, dispatch } = useHub()
  const { track } = useActivityTracker()
  const [title, setTitle] = useState('')
  const [priority, setPriority] = useState<Priority>('medium')

  function create() {
    const id = idsAfter(state)('p')
    dispatch({
      type: 'create_project',
      project: { id, title, summary: '', priority, isArchived: false, goals: [] },
    })
    track(EVENT_TYPES.PROJECT_CREATED, {
      entityType: 'project',
      entityId: id,
      metadata: { title, priority, source: 'form' },
    })
  }

  return (
    <Modal modal="new_project" title="New project" onClose={onClose}>
      {(close) => (
        <form
          className="stack"
          onSubmit={(event: FormEvent) => {
            event.preventDefault()
            create()
            close()
          }}
        >
          <label className="field">
            <span>Title</span>
            <input
              className="input"
              required
              maxLength={80}
              value={title}
              onChange={(event) => setTitle(event.target.value)}
            />
          </label>
          <PrioritySelect value={priority} onChange={setPriority} />
          <div className="modal-actions">
            <button type="button" className="button" onClick={close}>
              Cancel
            </button>
            <button type="submit" className="button primary">
              Create project
            </button>
          </div>
        </form>
      )}
    </Modal>
  )
}
