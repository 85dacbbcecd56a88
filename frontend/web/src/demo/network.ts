// A switch that cuts this page off from the service, as a tunnel does. Only a demo needs it.
import { useSyncExternalStore } from 'react'

const listeners = new Set<() => void>()
let isCut = false

export function startNetwork() {
  const real = window.fetch.bind(window)
  const isOnline = Object.getOwnPropertyDescriptor(Navigator.prototype, 'onLine')?.get
  window.fetch = (input, init) =>
    isCut ? Promise.reject(new TypeError('Failed to fetch')) : real(input, init)
  Object.defineProperty(navigator, 'onLine', {
    configurable: true,
    get: () => !isCut && (isOnline?.call(navigator) ?? true),
  })
}

export function setCut(cut: boolean) {
  isCut = cut
  window.dispatchEvent(new Event(cut ? 'offline' : 'online'))
  for (const listener of listeners) listener()
}

export function useIsCut(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => isCut,
  )
}
