import { clockOf } from '../days'
import { Modal } from '../parts/modal'
import type { CalendarEvent } from './events'

export function EventDialog({ event, onClose }: { event: CalendarEvent; onClose: () => void }) {
  const { title, place, notes, startsAt, lastsMinutes, every } = event
  return (
    <Modal modal="calendar_event" title={title} onClose={onClose}>
      {(close) => (
        <div className="stack">
          <dl className="pairs">
            <dt>When</dt>
            <dd>
              {clockOf(startsAt)} to {clockOf(startsAt + lastsMinutes)},{' '}
              {every === 1 ? 'every week' : 'every other week'}
            </dd>
            <dt>Where</dt>
            <dd>{place}</dd>
            <dt>Notes</dt>
            <dd>{notes}</dd>
          </dl>
          <div className="modal-actions">
            <button type="button" className="button primary" onClick={close}>
              Close
            </button>
          </div>
        </div>
      )}
    </Modal>
  )
}
