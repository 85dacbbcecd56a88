import { EVENT_TYPES, useActivityTracker } from '@activity-events/tracker/react'
import { useEffect } from 'react'
import { Link } from 'wouter'
import { Icon } from '../parts/icon'
import { NotFound, PageHead, PriorityTag, Progress } from '../parts/pieces'
import { progressOf, subtasksOf } from '../state/select'
import { useHub } from '../state/store'
import type { Priority, Project } from '../state/types'
import { GoalCard, NewGoal } from './goals'
import { PrioritySelect } from './priority-select'

export function ProjectPage({ id }: { id: string }) {
  const { state } = useHub()
  const project = state.projects.find((it) => it.id === id)
  return project ? <ProjectDetails project={project} /> : <NotFound title="Project" />
}

function ProjectDetails({ project }: { project: Project }) {
  const { dispatch } = useHub()
  const { track } = useActivityTracker()
  const entity = { entityType: 'project', entityId: project.id }
  const progress = progressOf(subtasksOf(project))

  // For every way to this page: link, search or URL.
  // biome-ignore lint/correctness/useExhaustiveDependencies: one event per opened project
  useEffect(() => {
    track(EVENT_TYPES.PROJECT_OPENED, { ...entity, metadata: { priority: project.priority } })
  }, [project.id, track])

  function changePriority(priority: Priority) {
    dispatch({ type: 'set_priority', projectId: project.id, priority })
    track(EVENT_TYPES.PROJECT_UPDATED, { ...entity, metadata: { change: 'priority', priority } })
  }

  function archive() {
    dispatch({ type: 'archive_project', projectId: project.id })
    track(EVENT_TYPES.PROJECT_ARCHIVED, {
      ...entity,
      metadata: { priority: project.priority, open_subtasks: progress.all - progress.done },
    })
  }

  return (
    <>
      <Link href="/projects" className="back">
        <Icon name="back" />
        Projects
      </Link>
      <PageHead title={project.title} hint={project.summary}>
        {project.isArchived ? (
          <span className="quiet-text">Archived</span>
        ) : (
          <button type="button" className="button" onClick={archive}>
            <Icon name="archive" />
            Archive
          </button>
        )}
      </PageHead>
      <div className="card facts">
        <PriorityTag priority={project.priority} />
        <Progress {...progress} name={project.title} />
        {!project.isArchived && (
          <PrioritySelect value={project.priority} onChange={changePriority} />
        )}
      </div>
      {project.goals.map((goal) => (
        <GoalCard key={goal.id} project={project} goal={goal} />
      ))}
      {!project.isArchived && <NewGoal project={project} />}
    </>
  )
}
