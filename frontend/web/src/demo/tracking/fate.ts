export type Fate = 'queued' | 'sending' | 'acknowledged'

/**
 * What became of each event, newest first, as far as the tracker's numbers tell: the oldest are
 * sent first, so that those without a verdict are the newest.
 */
export function fatesOf(count: number, queueSize: number, inFlight: number): Fate[] {
  return Array.from({ length: count }, (_, index) => {
    if (index >= queueSize) return 'acknowledged'
    return index >= queueSize - inFlight ? 'sending' : 'queued'
  })
}
