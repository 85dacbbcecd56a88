export type DeliveryState = 'queued' | 'sending' | 'acknowledged'

/**
 * The delivery state of each event, newest first, derived from the tracker's counters: the oldest
 * events are sent first, so the unacknowledged ones are the newest.
 */
export function deliveryStates(
  count: number,
  queueSize: number,
  inFlight: number,
): DeliveryState[] {
  return Array.from({ length: count }, (_, index) => {
    if (index >= queueSize) return 'acknowledged'
    return index >= queueSize - inFlight ? 'sending' : 'queued'
  })
}
