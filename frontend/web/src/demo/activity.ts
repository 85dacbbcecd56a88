// The tracking plan as types: the metadata of Workhub's events. A call with missing or misspelled
// metadata does not compile. Event types that are not listed accept any metadata.
import type { Feedback, Label, Priority } from './state/types'

declare module '@activity-events/tracker' {
  interface EventMap {
    page_viewed: { page: string }
    modal_opened: { modal: string }
    modal_closed: { modal: string }
    // The length of the query, not its text: people search for names.
    search_performed: { query_length: number; results: number }
    project_created: { title: string; priority: Priority; source: 'form' | 'wizard' }
    project_opened: { priority: Priority }
    project_updated: { change: 'priority' | 'subtask_reopened'; priority: Priority }
    project_archived: { priority: Priority; open_subtasks: number }
    project_goal_added: { title: string; project: string }
    project_goal_completed: { title: string; project: string }
    project_subtask_created: { title: string; project: string }
    project_subtask_completed: { title: string; project: string; page: string }
    email_opened: { label: Label; unread: boolean }
    email_replied: { label: Label; reply_length: number }
    email_archived: { label: Label }
    email_categorized: { label: Label; from: Label }
    email_feedback_given: { label: Label; feedback: Feedback }
    calendar_view_changed: { view: string; from: string }
    calendar_event_opened: { title: string; view: string }
    standup_completed: { has_blockers: boolean; words: number }
    ai_wizard_cancelled: { reason: 'user' | 'error'; step: string; error?: string }
    // A custom event type.
    demo_reset: { open_subtasks: number }
  }
}
