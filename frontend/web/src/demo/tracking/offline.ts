// Simulates being offline, for the demo only: requests fail and the browser reports to be offline.
// The tracker has no special code for this.

type FetchLaterWindow = Window & { fetchLater?: unknown }

const { fetch } = window
const { fetchLater } = window as FetchLaterWindow

const failRequest = () => {
  throw new TypeError('Failed to fetch')
}

export function goOffline() {
  window.fetch = async () => failRequest()
  if (fetchLater) (window as FetchLaterWindow).fetchLater = failRequest
  navigator.sendBeacon = () => false
  Object.defineProperty(navigator, 'onLine', { configurable: true, get: () => false })
  window.dispatchEvent(new Event('offline'))
}

export function goOnline() {
  window.fetch = fetch
  if (fetchLater) (window as FetchLaterWindow).fetchLater = fetchLater
  // Restores the browser’s own implementations.
  Reflect.deleteProperty(navigator, 'sendBeacon')
  Reflect.deleteProperty(navigator, 'onLine')
  window.dispatchEvent(new Event('online'))
}
