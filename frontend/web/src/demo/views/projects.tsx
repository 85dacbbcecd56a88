import { EVENT_TYPES, useActivityTracker } from '@activity-events/tracker/react'
import { type FormEvent, useState } from 'react'
import { Link } from 'wouter'
import { Dialog } from '../dialog'
import { PRIORITIES, type Priority } from '../hub'
import { useHub } from '../store'

export function Projects() {
  const [hub] = useHub()
  const [isCreating, setCreating] = useState(false)
  return (
    <>
      <div className="head-row">
        <h1>Projects</h1>
        <div className="row">
          <button type="button" className="button primary" onClick={() => setCreating(true)}>
            New project
          </button>
          <Link className="button" href="/projects?wizard">
            With the wizard
          </Link>
        </div>
      </div>
      <ul className="tiles">
        {hub.projects
          .filter((project) => !project.isArchived)
          .map((project) => {
            const done = project.subtasks.filter((subtask) => subtask.isDone).length
            return (
              <li key={project.id} className="tile">
                <h2>
                  <Link href={`/projects/${project.id}`}>{project.title}</Link>
                </h2>
                <p>{project.goal}</p>
                <p className="quiet-text">
                  <span className="badge" data-priority={project.priority}>
                    {project.priority}
                  </span>{' '}
                  {done} of {project.subtasks.length} done
                </p>
              </li>
            )
          })}
      </ul>
      {isCreating && <NewProject onClose={() => setCreating(false)} />}
    </>
  )
}

function NewProject({ onClose }: { onClose: () => void }) {
  const [hub, change] = useHub()
  const { track } = useActivityTracker()
  const create = (event: FormEvent<HTMLFormElement>) => {
    const form = new FormData(event.currentTarget)
    const priority = String(form.get('priority')) as Priority
    change({
      type: 'create-project',
      title: String(form.get('title')),
      goal: String(form.get('goal')),
      priority,
      subtasks: [],
    })
    track(EVENT_TYPES.PROJECT_CREATED, {
      entityType: 'project',
      entityId: `p-${hub.nextId}`,
      metadata: { priority, source: 'form' },
    })
  }
  return (
    <Dialog modal="new_project" title="New project" onClose={onClose}>
      <form method="dialog" className="stack" onSubmit={create}>
        <label className="field">
          <span>Title</span>
          <input className="input" name="title" required autoComplete="off" />
        </label>
        <label className="field">
          <span>Goal</span>
          <input className="input" name="goal" autoComplete="off" />
        </label>
        <label className="field">
          <span>Priority</span>
          <select className="input" name="priority" defaultValue="medium">
            {PRIORITIES.map((priority) => (
              <option key={priority}>{priority}</option>
            ))}
          </select>
        </label>
        <div className="row">
          <button type="submit" className="button primary">
            Create
          </button>
          <button
            type="button"
            className="button"
            onClick={(event) => event.currentTarget.closest('dialog')?.close()}
          >
            Leave it
          </button>
        </div>
      </form>
    </Dialog>
  )
}
