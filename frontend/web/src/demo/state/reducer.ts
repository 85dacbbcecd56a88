import type { Email, Feedback, Goal, HubState, Label, Priority, Project, Standup } from './types'

export type Action =
  | { type: 'create_project'; project: Project }
  | { type: 'archive_project'; projectId: string }
  | { type: 'set_priority'; projectId: string; priority: Priority }
  | { type: 'add_goal'; projectId: string; goal: Goal }
  | { type: 'add_subtask'; projectId: string; goalId: string; id: string; title: string }
  | { type: 'set_subtask'; projectId: string; subtaskId: string; isDone: boolean }
  | { type: 'read_email'; emailId: string }
  | { type: 'reply_to_email'; emailId: string; text: string }
  | { type: 'archive_email'; emailId: string }
  | { type: 'label_email'; emailId: string; label: Label }
  | { type: 'rate_email'; emailId: string; feedback: Feedback }
  | { type: 'save_standup'; standup: Standup }
  | { type: 'reset'; state: HubState }

export function reduce(state: HubState, action: Action): HubState {
  switch (action.type) {
    case 'create_project':
      return { ...state, projects: [action.project, ...state.projects] }
    case 'archive_project':
      return withProject(state, action.projectId, (it) => ({ ...it, isArchived: true }))
    case 'set_priority':
      return withProject(state, action.projectId, (it) => ({ ...it, priority: action.priority }))
    case 'add_goal':
      return withProject(state, action.projectId, (it) => ({
        ...it,
        goals: [...it.goals, action.goal],
      }))
    case 'add_subtask': {
      const { id, title } = action
      return withGoals(state, action.projectId, (goal) =>
        goal.id === action.goalId
          ? { ...goal, subtasks: [...goal.subtasks, { id, title, isDone: false }] }
          : goal,
      )
    }
    case 'set_subtask':
      return withGoals(state, action.projectId, (goal) => ({
        ...goal,
        subtasks: goal.subtasks.map((it) =>
          it.id === action.subtaskId ? { ...it, isDone: action.isDone } : it,
        ),
      }))
    case 'read_email':
      return withEmail(state, action.emailId, { isUnread: false })
    case 'reply_to_email': {
      const replies = state.emails.find(({ id }) => id === action.emailId)?.replies ?? []
      return withEmail(state, action.emailId, { replies: [...replies, action.text] })
    }
    case 'archive_email':
      return withEmail(state, action.emailId, { isArchived: true })
    case 'label_email':
      // Feedback on the previous label does not apply to the new one.
      return withEmail(state, action.emailId, { label: action.label, feedback: null })
    case 'rate_email':
      return withEmail(state, action.emailId, { feedback: action.feedback })
    case 'save_standup': {
      const others = state.standups.filter(({ on }) => on !== action.standup.on)
      return { ...state, standups: [action.standup, ...others] }
    }
    case 'reset':
      return action.state
  }
}

function withProject(state: HubState, id: string, change: (project: Project) => Project): HubState {
  return { ...state, projects: state.projects.map((it) => (it.id === id ? change(it) : it)) }
}

function withGoals(state: HubState, projectId: string, change: (goal: Goal) => Goal): HubState {
  return withProject(state, projectId, (it) => ({ ...it, goals: it.goals.map(change) }))
}

function withEmail(state: HubState, id: string, change: Partial<Email>): HubState {
  return { ...state, emails: state.emails.map((it) => (it.id === id ? { ...it, ...change } : it)) }
}
