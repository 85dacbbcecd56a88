// Selectors of the state.
import type { Goal, HubState, Priority, Project, Subtask } from './types'

const URGENCY: Record<Priority, number> = { urgent: 0, high: 1, medium: 2, low: 3 }

/** Returns a generator of unused ids: `p-301`, then `g-302`. */
export function idsAfter(state: HubState): (prefix: string) => string {
  let last = 0
  const count = (id: string) => {
    last = Math.max(last, Number(id.split('-')[1]) || 0)
  }
  for (const project of state.projects) {
    count(project.id)
    for (const goal of project.goals) {
      count(goal.id)
      for (const subtask of goal.subtasks) count(subtask.id)
    }
  }
  return (prefix) => `${prefix}-${++last}`
}

export function subtasksOf(project: Project): Subtask[] {
  return project.goals.flatMap((goal) => goal.subtasks)
}

export function progressOf(subtasks: readonly Subtask[]): { done: number; all: number } {
  return { done: subtasks.filter((it) => it.isDone).length, all: subtasks.length }
}

/** Whether this is the last open subtask of its goal. */
export function isLastOpen(goal: Goal, subtask: Subtask): boolean {
  return goal.subtasks.every((it) => it.isDone || it.id === subtask.id)
}

export interface OpenSubtask {
  project: Project
  goal: Goal
  subtask: Subtask
}

/** The open subtasks of all projects, most urgent first. */
export function openSubtasks(state: HubState): OpenSubtask[] {
  return state.projects
    .filter((project) => !project.isArchived)
    .sort((a, b) => URGENCY[a.priority] - URGENCY[b.priority])
    .flatMap((project) =>
      project.goals.flatMap((goal) =>
        goal.subtasks
          .filter((subtask) => !subtask.isDone)
          .map((subtask) => ({ project, goal, subtask })),
      ),
    )
}

export interface Hit {
  path: string
  kind: 'Project' | 'Subtask' | 'Email'
  title: string
}

/** Case-insensitive search; projects first. */
export function search(state: HubState, text: string): Hit[] {
  const query = text.trim().toLowerCase()
  if (!query) return []
  const isHit = (title: string) => title.toLowerCase().includes(query)
  const projects = state.projects.filter((project) => !project.isArchived)
  const emails = state.emails.filter((email) => !email.isArchived)
  return [
    ...projects
      .filter(({ title }) => isHit(title))
      .map(({ id, title }): Hit => ({ path: `/projects/${id}`, kind: 'Project', title })),
    ...projects.flatMap((project) =>
      subtasksOf(project)
        .filter(({ title }) => isHit(title))
        .map(({ title }): Hit => ({ path: `/projects/${project.id}`, kind: 'Subtask', title })),
    ),
    ...emails
      .filter(({ subject, from }) => isHit(subject) || isHit(from))
      .map(({ id, subject }): Hit => ({ path: `/emails/${id}`, kind: 'Email', title: subject })),
  ]
}
