import { useState } from 'react'
import { Link } from 'wouter'
import { Icon } from '../parts/icon'
import { PageHead, PriorityTag, Progress } from '../parts/pieces'
import { progressOf, subtasksOf } from '../state/select'
import { useHub } from '../state/store'
import type { Project } from '../state/types'
import { WizardButton } from '../wizard/button'
import { NewProject } from './new-project'

export function ProjectsPage() {
  const { state } = useHub()
  const [isCreating, setCreating] = useState(false)
  const active = state.projects.filter((project) => !project.isArchived)
  const archived = state.projects.filter((project) => project.isArchived)
  return (
    <>
      <PageHead title="Projects" hint={`${active.length} active`}>
        <WizardButton />
        <button type="button" className="button primary" onClick={() => setCreating(true)}>
          <Icon name="plus" />
          New project
        </button>
      </PageHead>
      <ul className="cards">
        {active.map((project) => (
          <ProjectCard key={project.id} project={project} />
        ))}
      </ul>
      {archived.length > 0 && (
        <section className="card" aria-labelledby="archived">
          <h2 id="archived">Archived</h2>
          <ul className="lines">
            {archived.map(({ id, title }) => (
              <li key={id}>
                <Link href={`/projects/${id}`}>
                  <span className="line-main">{title}</span>
                </Link>
              </li>
            ))}
          </ul>
        </section>
      )}
      {isCreating && <NewProject onClose={() => setCreating(false)} />}
    </>
  )
}

function ProjectCard({ project }: { project: Project }) {
  return (
    <li>
      <Link href={`/projects/${project.id}`} className="card project-card">
        <PriorityTag priority={project.priority} />
        <h2>{project.title}</h2>
        <p className="quiet-text">{project.summary}</p>
        <Progress {...progressOf(subtasksOf(project))} name={project.title} />
      </Link>
    </li>
  )
}
