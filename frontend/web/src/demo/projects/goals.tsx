import { EVENT_TYPES, useActivityTracker } from '@activity-events/tracker/react'
import { AddLine } from '../parts/add-line'
import { SubtaskRow } from '../parts/subtask-row'
import { idsAfter, progressOf } from '../state/select'
import { useHub } from '../state/store'
import type { Goal, Project } from '../state/types'

export function GoalCard({ project, goal }: { project: Project; goal: Goal }) {
  const { state, dispatch } = useHub()
  const { track } = useActivityTracker()
  const { done, all } = progressOf(goal.subtasks)

  function add(title: string) {
    const id = idsAfter(state)('t')
    dispatch({ type: 'add_subtask', projectId: project.id, goalId: goal.id, id, title })
    track(EVENT_TYPES.PROJECT_SUBTASK_CREATED, {
      entityType: 'subtask',
      entityId: id,
      metadata: { title, project: project.id },
    })
  }

  return (
    <section className="card" aria-labelledby={goal.id}>
      <div className="card-head">
        <h2 id={goal.id}>{goal.title}</h2>
        <span className="quiet-text">
          {all > 0 && done === all ? 'Completed' : `${done} of ${all}`}
        </span>
      </div>
      <ul className="subtasks">
        {goal.subtasks.map((subtask) => (
          <li key={subtask.id}>
            <SubtaskRow project={project} goal={goal} subtask={subtask} page="project" />
          </li>
        ))}
      </ul>
      {!project.isArchived && (
        <AddLine label={`New subtask of ${goal.title}`} hint="Add a subtask" onAdd={add} />
      )}
    </section>
  )
}

export function NewGoal({ project }: { project: Project }) {
  const { state, dispatch } = useHub()
  const { track } = useActivityTracker()

  function add(title: string) {
    const id = idsAfter(state)('g')
    dispatch({ type: 'add_goal', projectId: project.id, goal: { id, title, subtasks: [] } })
    track(EVENT_TYPES.PROJECT_GOAL_ADDED, {
      entityType: 'goal',
      entityId: id,
      metadata: { title, project: project.id },
    })
  }

  return (
    <div className="card">
      <AddLine label="New goal" hint="Add a goal" onAdd={add} />
    </div>
  )
}
