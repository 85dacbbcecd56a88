// The hub's own data: what a real product would keep on its server.
export type Priority = 'low' | 'medium' | 'high' | 'urgent'
export const PRIORITIES: readonly Priority[] = ['low', 'medium', 'high', 'urgent']
export const LABELS = ['customer', 'team', 'newsletter', 'invoice'] as const
export type Label = (typeof LABELS)[number]

export interface Subtask {
  id: string
  title: string
  isDone: boolean
  createdAt: number
}

export interface Project {
  id: string
  title: string
  priority: Priority
  goal: string
  isArchived: boolean
  subtasks: Subtask[]
}

export interface Email {
  id: string
  from: string
  subject: string
  text: string
  label: Label | null
  state: 'new' | 'open' | 'replied' | 'archived'
  openedAt: number | null
}

export interface CalendarEvent {
  id: string
  title: string
  /** 0 is Monday. */
  weekday: number
  hour: number
}

export interface Hub {
  projects: Project[]
  emails: Email[]
  calendar: CalendarEvent[]
  standupsDone: number
  nextId: number
}

export type Action =
  | { type: 'create-project'; title: string; priority: Priority; goal: string; subtasks: string[] }
  | { type: 'archive-project'; projectId: string }
  | { type: 'add-subtask'; projectId: string; title: string; at: number }
  | { type: 'complete-subtask'; projectId: string; subtaskId: string }
  | { type: 'open-email'; emailId: string; at: number }
  | { type: 'set-email'; emailId: string; state: 'replied' | 'archived' }
  | { type: 'label-email'; emailId: string; label: Label }
  | { type: 'complete-standup' }
  | { type: 'reset' }

export function reduce(hub: Hub, action: Action): Hub {
  switch (action.type) {
    case 'create-project': {
      const id = hub.nextId
      const project: Project = {
        id: `p-${id}`,
        title: action.title,
        priority: action.priority,
        goal: action.goal,
        isArchived: false,
        subtasks: action.subtasks.map((title, place) => newSubtask(id + 1 + place, title, 0)),
      }
      return {
        ...hub,
        projects: [project, ...hub.projects],
        nextId: id + 1 + action.subtasks.length,
      }
    }
    case 'archive-project':
      return inProject(hub, action.projectId, (project) => ({ ...project, isArchived: true }))
    case 'add-subtask':
      return {
        ...inProject(hub, action.projectId, (project) => ({
          ...project,
          subtasks: [...project.subtasks, newSubtask(hub.nextId, action.title, action.at)],
        })),
        nextId: hub.nextId + 1,
      }
    case 'complete-subtask':
      return inProject(hub, action.projectId, (project) => ({
        ...project,
        subtasks: project.subtasks.map((subtask) =>
          subtask.id === action.subtaskId ? { ...subtask, isDone: true } : subtask,
        ),
      }))
    case 'open-email':
      return inEmail(hub, action.emailId, (email) => ({
        ...email,
        state: email.state === 'new' ? 'open' : email.state,
        openedAt: email.openedAt ?? action.at,
      }))
    case 'set-email':
      return inEmail(hub, action.emailId, (email) => ({ ...email, state: action.state }))
    case 'label-email':
      return inEmail(hub, action.emailId, (email) => ({ ...email, label: action.label }))
    case 'complete-standup':
      return { ...hub, standupsDone: hub.standupsDone + 1 }
    case 'reset':
      return FIRST
  }
}

function newSubtask(id: number, title: string, createdAt: number): Subtask {
  return { id: `t-${id}`, title, isDone: false, createdAt }
}

function inProject(hub: Hub, id: string, change: (project: Project) => Project): Hub {
  return { ...hub, projects: hub.projects.map((each) => (each.id === id ? change(each) : each)) }
}

function inEmail(hub: Hub, id: string, change: (email: Email) => Email): Hub {
  return { ...hub, emails: hub.emails.map((each) => (each.id === id ? change(each) : each)) }
}

export const FIRST: Hub = {
  projects: [
    {
      id: 'p-1',
      title: 'Website relaunch',
      priority: 'high',
      goal: 'New pages live before the fair',
      isArchived: false,
      subtasks: [
        { id: 't-1', title: 'Collect the texts', isDone: true, createdAt: 0 },
        { id: 't-2', title: 'Choose the pictures', isDone: false, createdAt: 0 },
        { id: 't-3', title: 'Test on phones', isDone: false, createdAt: 0 },
      ],
    },
    {
      id: 'p-2',
      title: 'Autumn newsletter',
      priority: 'medium',
      goal: 'Half of the readers open it',
      isArchived: false,
      subtasks: [{ id: 't-4', title: 'Write the lead story', isDone: false, createdAt: 0 }],
    },
    {
      id: 'p-3',
      title: 'Office move',
      priority: 'low',
      goal: 'Everybody has a desk on Monday',
      isArchived: false,
      subtasks: [],
    },
  ],
  emails: [
    email(
      1,
      'Customer desk',
      'Export is missing a column',
      'Since Tuesday the export lacks the column for the region. Could you have a look?',
      'customer',
    ),
    email(
      2,
      'Weekly Design Digest',
      'Ten layouts that work',
      'This week: grids, whitespace, and why less is less.',
      'newsletter',
    ),
    email(
      3,
      'Grace',
      'Slides for Thursday',
      'I have put the slides into the folder. Are you fine with the order?',
      'team',
    ),
    email(
      4,
      'Accounting',
      'Invoice of November',
      'Please find the invoice attached. It is due on the 30th.',
      'invoice',
    ),
  ],
  calendar: [
    { id: 'c-1', title: 'Team meeting', weekday: 0, hour: 10 },
    { id: 'c-2', title: 'Design review', weekday: 2, hour: 14 },
    { id: 'c-3', title: 'Customer call', weekday: 3, hour: 11 },
    { id: 'c-4', title: 'Demo', weekday: 4, hour: 15 },
  ],
  standupsDone: 0,
  nextId: 100,
}

function email(id: number, from: string, subject: string, text: string, label: Label): Email {
  return { id: `m-${id}`, from, subject, text, label, state: 'new', openedAt: null }
}
