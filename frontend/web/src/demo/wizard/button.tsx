import { EVENT_TYPES, type TimedEvent, useActivityTracker } from '@activity-events/tracker/react'
import { useState } from 'react'
import { useLocation } from 'wouter'
import { Icon } from '../parts/icon'
import { Wizard } from './wizard'

/** Opens the project wizard and starts its timer. */
export function WizardButton() {
  const { track, trackTimed } = useActivityTracker()
  const [, navigate] = useLocation()
  const [timed, setTimed] = useState<TimedEvent | null>(null)

  function start() {
    track(EVENT_TYPES.AI_WIZARD_STARTED, { metadata: { wizard: 'project' } })
    setTimed(trackTimed(EVENT_TYPES.AI_WIZARD_COMPLETED, { metadata: { wizard: 'project' } }))
  }

  function closed(projectId: string | null) {
    setTimed(null)
    if (projectId) navigate(`/projects/${projectId}`)
  }

  return (
    <>
      <button type="button" className="button" onClick={start}>
        <Icon name="spark" />
        Plan with AI
      </button>
      {timed && <Wizard timed={timed} onClose={closed} />}
    </>
  )
}
