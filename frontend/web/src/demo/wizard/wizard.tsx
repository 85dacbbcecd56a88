import { EVENT_TYPES, type TimedEvent, useActivityTracker } from '@activity-events/tracker/react'
import { useRef, useState } from 'react'
import { Modal } from '../parts/modal'
import { idsAfter } from '../state/select'
import { useHub } from '../state/store'
import { draftPlan, type Plan } from './ai'
import { Describe, Failed, type Request, Review, Thinking } from './steps'

type Step =
  | { at: 'describe' }
  | { at: 'thinking' }
  | { at: 'failed' }
  | { at: 'review'; plan: Plan; request: Request }

/** The steps of the wizard: describe the goal, wait for the AI, review its suggestions. */
export function Wizard({
  timed,
  onClose,
}: {
  timed: TimedEvent
  onClose: (projectId: string | null) => void
}) {
  const { state, dispatch } = useHub()
  const { track, trackBatch } = useActivityTracker()
  const [step, setStep] = useState<Step>({ at: 'describe' })
  const created = useRef<string | null>(null)
  const thinking = useRef(new AbortController())

  async function think(request: Request) {
    setStep({ at: 'thinking' })
    try {
      const plan = await draftPlan(request.text, request.fails, thinking.current.signal)
      setStep({ at: 'review', plan, request })
    } catch {
      if (thinking.current.signal.aborted) return
      timed.cancel()
      track(EVENT_TYPES.AI_WIZARD_CANCELLED, {
        metadata: { reason: 'error', step: 'thinking', error: 'model_unavailable' },
      })
      setStep({ at: 'failed' })
    }
  }

  function create({ title, goals }: Plan, request: Request, accepted: ReadonlySet<string>) {
    const newId = idsAfter(state)
    const id = newId('p')
    const { priority } = request
    const project = { id, title, summary: request.text, priority, isArchived: false }
    dispatch({
      type: 'create_project',
      project: {
        ...project,
        goals: goals
          .filter((goal) => accepted.has(goal.title))
          .map((goal) => ({
            id: newId('g'),
            title: goal.title,
            subtasks: goal.subtasks.map((it) => ({ id: newId('t'), title: it, isDone: false })),
          })),
      },
    })
    const entity = { entityType: 'project', entityId: id }
    trackBatch(
      goals.map((goal) => ({
        type: accepted.has(goal.title)
          ? EVENT_TYPES.AI_SUGGESTION_ACCEPTED
          : EVENT_TYPES.AI_SUGGESTION_DISMISSED,
        options: { ...entity, metadata: { suggestion: 'goal', title: goal.title } },
      })),
    )
    track(EVENT_TYPES.PROJECT_CREATED, {
      ...entity,
      metadata: { title, priority, source: 'wizard' },
    })
    timed.complete({ project: id, accepted: accepted.size, suggested: goals.length })
    created.current = id
  }

  function closed() {
    thinking.current.abort()
    if (!created.current && step.at !== 'failed') {
      timed.cancel()
      track(EVENT_TYPES.AI_WIZARD_CANCELLED, { metadata: { reason: 'user', step: step.at } })
    }
    onClose(created.current)
  }

  return (
    <Modal modal="ai_wizard" title="Plan a project with AI" onClose={closed}>
      {(close) => {
        if (step.at === 'describe') return <Describe onNext={think} onCancel={close} />
        if (step.at === 'thinking') return <Thinking onCancel={close} />
        if (step.at === 'failed') return <Failed onClose={close} />
        return (
          <Review
            plan={step.plan}
            onCancel={close}
            onCreate={(accepted) => {
              create(step.plan, step.request, accepted)
              close()
            }}
          />
        )
      }}
    </Modal>
  )
}
