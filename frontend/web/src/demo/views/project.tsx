import { EVENT_TYPES, useActivityTracker } from '@activity-events/tracker/react'
import { type FormEvent, useEffect } from 'react'
import { useLocation, useParams } from 'wouter'
import { useHub } from '../store'

export function ProjectPage() {
  const { id = '' } = useParams<{ id: string }>()
  const [hub, change] = useHub()
  const [, navigate] = useLocation()
  const { track } = useActivityTracker()
  const project = hub.projects.find((each) => each.id === id)
  const priority = project?.priority
  useEffect(() => {
    if (priority)
      track(EVENT_TYPES.PROJECT_OPENED, {
        entityType: 'project',
        entityId: id,
        metadata: { priority },
      })
  }, [id, priority, track])
  if (!project) return <h1>There is no such project</h1>

  const add = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const title = String(new FormData(event.currentTarget).get('title')).trim()
    event.currentTarget.reset()
    change({ type: 'add-subtask', projectId: id, title, at: Date.now() })
    track(EVENT_TYPES.PROJECT_SUBTASK_CREATED, {
      entityType: 'subtask',
      entityId: `t-${hub.nextId}`,
      metadata: { project_id: id },
    })
  }
  const complete = (subtaskId: string, createdAt: number) => {
    change({ type: 'complete-subtask', projectId: id, subtaskId })
    track(EVENT_TYPES.PROJECT_SUBTASK_COMPLETED, {
      entityType: 'subtask',
      entityId: subtaskId,
      durationMs: createdAt ? Date.now() - createdAt : undefined,
      metadata: { project_id: id, priority: project.priority },
    })
  }
  const archive = () => {
    change({ type: 'archive-project', projectId: id })
    track(EVENT_TYPES.PROJECT_ARCHIVED, { entityType: 'project', entityId: id })
    navigate('/projects')
  }
  return (
    <>
      <div className="head-row">
        <h1>{project.title}</h1>
        <button type="button" className="button" onClick={archive}>
          Archive
        </button>
      </div>
      <p>{project.goal}</p>
      <section className="tile">
        <h2>Tasks</h2>
        <ul className="lines">
          {project.subtasks.map((subtask) => (
            <li key={subtask.id}>
              <label className="check">
                <input
                  type="checkbox"
                  checked={subtask.isDone}
                  disabled={subtask.isDone}
                  onChange={() => complete(subtask.id, subtask.createdAt)}
                />
                {subtask.title}
              </label>
            </li>
          ))}
        </ul>
        <form className="row" onSubmit={add}>
          <label className="field">
            <span>Another task</span>
            <input className="input" name="title" required autoComplete="off" />
          </label>
          <button type="submit" className="button">
            Add
          </button>
        </form>
      </section>
    </>
  )
}
