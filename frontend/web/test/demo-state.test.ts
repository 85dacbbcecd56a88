import { describe, expect, test } from 'vitest'
import { type Action, reduce } from '../src/demo/state/reducer'
import { seed } from '../src/demo/state/seed'
import {
  idsAfter,
  isLastOpen,
  openSubtasks,
  progressOf,
  search,
  subtasksOf,
} from '../src/demo/state/select'
import type { Goal, HubState, Project } from '../src/demo/state/types'

const GOAL: Goal = {
  id: 'g-2',
  title: 'It is out',
  subtasks: [
    { id: 't-3', title: 'Write it', isDone: true },
    { id: 't-4', title: 'Send it', isDone: false },
  ],
}
const PROJECT: Project = {
  id: 'p-1',
  title: 'Letter',
  summary: '',
  priority: 'low',
  isArchived: false,
  goals: [GOAL],
}
const STATE: HubState = {
  projects: [PROJECT],
  emails: [
    {
      id: 'm-1',
      from: 'Ann',
      subject: 'The letter',
      body: [],
      receivedAt: '2026-11-20T09:00:00Z',
      label: 'team',
      isUnread: true,
      isArchived: false,
      feedback: 'up',
      replies: ['Yes.'],
    },
  ],
  standups: [],
}

const stateAfter = (...actions: Action[]) => actions.reduce(reduce, STATE)
const projectAfter = (...actions: Action[]) => stateAfter(...actions).projects[0] as Project
const emailAfter = (...actions: Action[]) => stateAfter(...actions).emails[0]

describe('projects', () => {
  test('a new project is first', () => {
    const project = { ...PROJECT, id: 'p-5' }
    expect(stateAfter({ type: 'create_project', project }).projects.map(({ id }) => id)).toEqual([
      'p-5',
      'p-1',
    ])
  })

  test('a subtask is added, completed and reopened', () => {
    const add: Action = {
      type: 'add_subtask',
      projectId: 'p-1',
      goalId: 'g-2',
      id: 't-5',
      title: 'x',
    }
    const set = (isDone: boolean): Action => ({
      type: 'set_subtask',
      projectId: 'p-1',
      subtaskId: 't-5',
      isDone,
    })
    expect(subtasksOf(projectAfter(add, set(true)))[2]).toEqual({
      id: 't-5',
      title: 'x',
      isDone: true,
    })
    expect(subtasksOf(projectAfter(add, set(true), set(false)))[2]?.isDone).toBe(false)
  })

  test('goals, priority and archiving', () => {
    const project = projectAfter(
      { type: 'add_goal', projectId: 'p-1', goal: { id: 'g-9', title: 'y', subtasks: [] } },
      { type: 'set_priority', projectId: 'p-1', priority: 'urgent' },
      { type: 'archive_project', projectId: 'p-1' },
    )
    expect(project.goals.map(({ id }) => id)).toEqual(['g-2', 'g-9'])
    expect([project.priority, project.isArchived]).toEqual(['urgent', true])
  })

  test('an unknown id changes nothing', () => {
    expect(stateAfter({ type: 'archive_project', projectId: 'p-404' })).toEqual(STATE)
  })
})

describe('emails', () => {
  test('an email is read, replied to and archived', () => {
    const email = emailAfter(
      { type: 'read_email', emailId: 'm-1' },
      { type: 'reply_to_email', emailId: 'm-1', text: 'No.' },
      { type: 'archive_email', emailId: 'm-1' },
    )
    expect(email).toMatchObject({ isUnread: false, replies: ['Yes.', 'No.'], isArchived: true })
  })

  test('a new label resets the feedback', () => {
    expect(emailAfter({ type: 'rate_email', emailId: 'm-1', feedback: 'down' })?.feedback).toBe(
      'down',
    )
    const email = emailAfter({ type: 'label_email', emailId: 'm-1', label: 'finance' })
    expect(email).toMatchObject({ label: 'finance', feedback: null })
  })
})

test('a standup replaces the one of the same day', () => {
  const standup = { on: '2026-11-20', isSkipped: true, yesterday: '', today: '', blockers: '' }
  const state = stateAfter(
    { type: 'save_standup', standup },
    { type: 'save_standup', standup: { ...standup, isSkipped: false } },
  )
  expect(state.standups).toEqual([{ ...standup, isSkipped: false }])
})

test('a reset replaces the state', () => {
  expect(stateAfter({ type: 'reset', state: STATE })).toBe(STATE)
})

describe('selectors', () => {
  test('new ids are unused', () => {
    const newId = idsAfter(STATE)
    expect([newId('p'), newId('g'), newId('t')]).toEqual(['p-5', 'g-6', 't-7'])
  })

  test('progress and the last open subtask', () => {
    expect(progressOf(GOAL.subtasks)).toEqual({ done: 1, all: 2 })
    expect(isLastOpen(GOAL, { id: 't-4', title: '', isDone: false })).toBe(true)
    expect(isLastOpen(GOAL, { id: 't-3', title: '', isDone: true })).toBe(false)
  })

  test('open subtasks are ordered by priority, without archived projects', () => {
    const urgent: Project = { ...PROJECT, id: 'p-8', priority: 'urgent' }
    const archived: Project = { ...PROJECT, id: 'p-9', isArchived: true }
    const state = { ...STATE, projects: [archived, PROJECT, urgent] }
    expect(openSubtasks(state).map(({ project, subtask }) => [project.id, subtask.id])).toEqual([
      ['p-8', 't-4'],
      ['p-1', 't-4'],
    ])
  })

  test('search finds projects, subtasks and emails, ignoring case', () => {
    expect(search(STATE, ' LETTER ').map(({ kind, path }) => [kind, path])).toEqual([
      ['Project', '/projects/p-1'],
      ['Email', '/emails/m-1'],
    ])
    expect(search(STATE, 'send')).toEqual([
      { kind: 'Subtask', path: '/projects/p-1', title: 'Send it' },
    ])
    expect(search(STATE, '  ')).toEqual([])
  })
})

test('the demo data has unique ids and standups on workdays', () => {
  const state = seed(new Date(2026, 10, 23, 10, 0)) // a Monday
  const ids = [
    ...state.emails,
    ...state.projects,
    ...state.projects.flatMap((project) => project.goals),
    ...state.projects.flatMap(subtasksOf),
  ].map(({ id }) => id)
  expect(new Set(ids).size).toBe(ids.length)
  expect(state.standups.map(({ on }) => on)).toEqual(['2026-11-20', '2026-11-19', '2026-11-18'])
})
