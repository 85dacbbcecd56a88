import { EVENT_TYPES, useActivityTracker } from '@activity-events/tracker/react'
import { type ReactNode, useEffect, useId, useRef } from 'react'

/**
 * A modal dialog. `onClose` is called once, whether a button or Escape closes it. Tracks
 * `modal_opened` and `modal_closed` for all dialogs of Workhub.
 */
export function Modal({
  modal,
  title,
  onClose,
  children,
}: {
  /** The dialog’s name in the events. */
  modal: string
  title: string
  onClose: () => void
  children: (close: () => void) => ReactNode
}) {
  const { track } = useActivityTracker()
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()

  useEffect(() => {
    if (!dialog.current?.open) dialog.current?.showModal()
    track(EVENT_TYPES.MODAL_OPENED, { metadata: { modal } })
  }, [track, modal])

  function closed() {
    onClose()
    track(EVENT_TYPES.MODAL_CLOSED, { metadata: { modal } })
  }

  return (
    <dialog ref={dialog} className="modal" aria-labelledby={id} onClose={closed}>
      <h2 id={id}>{title}</h2>
      {children(() => dialog.current?.close())}
    </dialog>
  )
}
