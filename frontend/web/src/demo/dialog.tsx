// A modal dialog, recorded when it opens and closes.
import { EVENT_TYPES, useActivityTracker } from '@activity-events/tracker/react'
import { type ReactNode, useEffect, useId, useRef } from 'react'

export function Dialog({
  modal,
  title,
  onClose,
  children,
}: {
  /** Its name in the events. */
  modal: string
  title: string
  onClose: () => void
  children: ReactNode
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  const { track } = useActivityTracker()
  useEffect(() => {
    dialog.current?.showModal()
    track(EVENT_TYPES.MODAL_OPENED, { metadata: { modal } })
  }, [modal, track])
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onClose={() => {
        track(EVENT_TYPES.MODAL_CLOSED, { metadata: { modal } })
        onClose()
      }}
    >
      <div className="stack">
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  )
}
