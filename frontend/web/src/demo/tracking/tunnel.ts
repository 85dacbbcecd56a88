// A tunnel, for the demo alone: while the page is in it, nothing reaches the network, and the
// browser says that it is offline. The tracker knows nothing of this.

type Later = Window & { fetchLater?: unknown }

const { fetch } = window
const { fetchLater } = window as Later

const refuse = () => {
  throw new TypeError('Failed to fetch')
}

export function enterTunnel() {
  window.fetch = async () => refuse()
  if (fetchLater) (window as Later).fetchLater = refuse
  navigator.sendBeacon = () => false
  Object.defineProperty(navigator, 'onLine', { configurable: true, get: () => false })
  window.dispatchEvent(new Event('offline'))
}

export function leaveTunnel() {
  window.fetch = fetch
  if (fetchLater) (window as Later).fetchLater = fetchLater
  // Below are the browser's own again.
  Reflect.deleteProperty(navigator, 'sendBeacon')
  Reflect.deleteProperty(navigator, 'onLine')
  window.dispatchEvent(new Event('online'))
}
