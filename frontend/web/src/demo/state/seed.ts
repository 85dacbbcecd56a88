// Demo data: a small team in the week of a launch.
import { dateOf, workdaysBefore } from '../days'
import { SEED_EMAILS } from './seed-emails'
import type { Goal, HubState, Project, Standup } from './types'

/** The initial state; timestamps are relative to now. */
export function seed(now: Date): HubState {
  return {
    projects: PROJECTS.map((project) => structuredClone(project)),
    emails: SEED_EMAILS.map(({ minutesAgo, ...email }) => ({
      ...email,
      receivedAt: new Date(now.getTime() - minutesAgo * 60_000).toISOString(),
      isArchived: false,
      feedback: null,
      replies: [],
    })),
    standups: workdaysBefore(now, STANDUPS.length).map((day, index) => ({
      ...(STANDUPS[index] as (typeof STANDUPS)[0]),
      on: dateOf(day),
    })),
  }
}

/** A goal with subtasks, completed ones first. */
function goal(id: number, title: string, done: string[], open: string[]): Goal {
  const subtasks = [...done, ...open].map((text, index) => ({
    id: `t-${id * 10 + index}`,
    title: text,
    isDone: index < done.length,
  }))
  return { id: `g-${id}`, title, subtasks }
}

const PROJECTS: Project[] = [
  {
    id: 'p-17',
    title: 'Spring launch',
    summary: 'The new planner, in front of every customer by the end of the quarter.',
    priority: 'urgent',
    isArchived: false,
    goals: [
      goal(
        20,
        'The announcement is ready',
        ['Agree on the one sentence'],
        ['Record the two-minute tour', 'Write the blog post', 'Prepare the customer email'],
      ),
      goal(
        21,
        'Nothing breaks on the day',
        ['Load test at four times the peak', 'Write the rollback plan'],
        ['Rehearse the rollback with support'],
      ),
    ],
  },
  {
    id: 'p-14',
    title: 'Onboarding, second edition',
    summary: 'A new team sees its first useful report within ten minutes.',
    priority: 'high',
    isArchived: false,
    goals: [
      goal(
        22,
        'We know where people get stuck',
        ['Watch five first sessions', 'Rank the drop-offs'],
        ['Share the findings'],
      ),
      goal(
        23,
        'The first ten minutes are guided',
        ['Sketch the checklist'],
        ['Build the checklist'],
      ),
    ],
  },
  {
    id: 'p-11',
    title: 'Invoices in three currencies',
    summary: 'Finance stops correcting them by hand.',
    priority: 'medium',
    isArchived: false,
    goals: [
      goal(
        24,
        'Amounts are right to the cent',
        ['Choose the rate provider', 'Round as the tax office does'],
        ['Check last quarter against the ledger'],
      ),
    ],
  },
  {
    id: 'p-9',
    title: 'Tidy the design kit',
    summary: 'One button, not four.',
    priority: 'low',
    isArchived: false,
    goals: [
      goal(25, 'Every component has one home', ['List the duplicates'], ['Merge the buttons']),
    ],
  },
]

const STANDUPS: Omit<Standup, 'on'>[] = [
  {
    isSkipped: false,
    yesterday: 'Load test passed at four times the peak.',
    today: 'Rollback plan, then the tour script.',
    blockers: '',
  },
  {
    isSkipped: false,
    yesterday: 'Watched two more first sessions.',
    today: 'Rank the drop-offs with Linus.',
    blockers: 'Waiting for access to the billing sandbox.',
  },
  { isSkipped: true, yesterday: '', today: '', blockers: '' },
]
