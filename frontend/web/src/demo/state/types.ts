// The state of Workhub, stored only in this browser.

export const PRIORITIES = ['low', 'medium', 'high', 'urgent'] as const
export type Priority = (typeof PRIORITIES)[number]

export const LABELS = ['customer', 'team', 'finance', 'newsletter'] as const
export type Label = (typeof LABELS)[number]

export type Feedback = 'up' | 'down'

export interface Subtask {
  id: string
  title: string
  isDone: boolean
}

export interface Goal {
  id: string
  title: string
  subtasks: Subtask[]
}

export interface Project {
  id: string
  title: string
  summary: string
  priority: Priority
  isArchived: boolean
  goals: Goal[]
}

export interface Email {
  id: string
  from: string
  subject: string
  body: string[]
  receivedAt: string
  label: Label
  isUnread: boolean
  isArchived: boolean
  feedback: Feedback | null
  replies: string[]
}

export interface Standup {
  /** The day, `2026-11-20`. */
  on: string
  isSkipped: boolean
  yesterday: string
  today: string
  blockers: string
}

export interface HubState {
  projects: Project[]
  emails: Email[]
  standups: Standup[]
}
