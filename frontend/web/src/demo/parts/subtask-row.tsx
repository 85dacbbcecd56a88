import { EVENT_TYPES, useActivityTracker } from '@activity-events/tracker/react'
import { isLastOpen, type OpenSubtask } from '../state/select'
import { useHub } from '../state/store'

/** A subtask with a checkbox, on the pages of the project and home. */
export function SubtaskRow({
  project,
  goal,
  subtask,
  page,
}: OpenSubtask & { page: 'home' | 'project' }) {
  const { dispatch } = useHub()
  const { track } = useActivityTracker()

  function complete() {
    dispatch({
      type: 'set_subtask',
      projectId: project.id,
      subtaskId: subtask.id,
      isDone: true,
    })
    track(EVENT_TYPES.PROJECT_SUBTASK_COMPLETED, {
      entityType: 'subtask',
      entityId: subtask.id,
      metadata: { title: subtask.title, project: project.id, page },
    })
    if (isLastOpen(goal, subtask))
      track(EVENT_TYPES.PROJECT_GOAL_COMPLETED, {
        entityType: 'goal',
        entityId: goal.id,
        metadata: { title: goal.title, project: project.id },
      })
  }

  function reopen() {
    dispatch({
      type: 'set_subtask',
      projectId: project.id,
      subtaskId: subtask.id,
      isDone: false,
    })
    track(EVENT_TYPES.PROJECT_UPDATED, {
      entityType: 'project',
      entityId: project.id,
      metadata: { change: 'subtask_reopened', priority: project.priority },
    })
  }

  return (
    <label className="subtask">
      <input
        type="checkbox"
        checked={subtask.isDone}
        onChange={() => (subtask.isDone ? reopen() : complete())}
      />
      <span className={subtask.isDone ? 'is-done' : ''}>{subtask.title}</span>
      {page === 'home' && <span className="quiet-text">{project.title}</span>}
    </label>
  )
}
