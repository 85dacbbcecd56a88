// An API key or a user token: stored for this tab only, and sent to the service only.
import { useSyncExternalStore } from 'react'

const STORAGE_KEY = 'activity-credential'
const listeners = new Set<() => void>()
let isNeeded = false
let rejection: string | null = null
let inMemory: string | null = null

export function credential(): string | null {
  try {
    return sessionStorage.getItem(STORAGE_KEY)
  } catch {
    return inMemory // storage is blocked
  }
}

export function signIn(token: string) {
  inMemory = token
  try {
    sessionStorage.setItem(STORAGE_KEY, token)
  } catch {
    // Storage is blocked: kept in memory.
  }
  isNeeded = false
  rejection = null
  notify()
}

export function signOut() {
  inMemory = null
  try {
    sessionStorage.removeItem(STORAGE_KEY)
  } catch {
    // Storage is blocked.
  }
  isNeeded = true
  rejection = null
  notify()
}

/** Requires sign-in: the service refused the request, for the reason in `message`. */
export function forgetCredential(message: string) {
  if (isNeeded) return
  const wasSignedIn = credential() !== null
  signOut()
  if (wasSignedIn) rejection = message
  notify()
}

function notify() {
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Whether the user must sign in; local mode needs no sign-in. */
export function useSignInNeeded(): boolean {
  return useSyncExternalStore(subscribe, () => isNeeded)
}

/** The reason why the last credential was rejected. */
export function useRejection(): string | null {
  return useSyncExternalStore(subscribe, () => rejection)
}

export function useCredential(): string | null {
  return useSyncExternalStore(subscribe, credential)
}
