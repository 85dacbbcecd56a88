// A key or a user token: kept for the tab alone, and sent to nobody but the service.
import { useSyncExternalStore } from 'react'

const KEPT_AS = 'activity-credential'
const listeners = new Set<() => void>()
let refused = false
let inMemory: string | null = null

export function credential(): string | null {
  try {
    return sessionStorage.getItem(KEPT_AS)
  } catch {
    return inMemory // storage is blocked
  }
}

export function signIn(given: string) {
  inMemory = given
  try {
    sessionStorage.setItem(KEPT_AS, given)
  } catch {
    // It is in memory.
  }
  refused = false
  tell()
}

export function signOut() {
  inMemory = null
  try {
    sessionStorage.removeItem(KEPT_AS)
  } catch {
    // It was in memory.
  }
  refused = true
  tell()
}

/** The service asks for one, or knows this one no more. */
export function forgetCredential() {
  if (!refused) signOut()
}

function tell() {
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Whether the user must sign in; in local mode nobody must. */
export function useSignInNeeded(): boolean {
  return useSyncExternalStore(subscribe, () => refused)
}

export function useCredential(): string | null {
  return useSyncExternalStore(subscribe, credential)
}
