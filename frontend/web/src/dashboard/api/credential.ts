// A key or a user token: kept for the tab alone, and sent to nobody but the service.
import { useSyncExternalStore } from 'react'

const KEPT_AS = 'activity-credential'
const listeners = new Set<() => void>()
let isNeeded = false
let refusal: string | null = null
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
  isNeeded = false
  refusal = null
  tell()
}

export function signOut() {
  inMemory = null
  try {
    sessionStorage.removeItem(KEPT_AS)
  } catch {
    // It was in memory.
  }
  isNeeded = true
  refusal = null
  tell()
}

/** The service asks for one, or doesn't know this one: then `message` says why. */
export function forgetCredential(message: string) {
  if (isNeeded) return
  const hadOne = credential() !== null
  signOut()
  if (hadOne) refusal = message
  tell()
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
  return useSyncExternalStore(subscribe, () => isNeeded)
}

/** Why the last one was refused. */
export function useRefusal(): string | null {
  return useSyncExternalStore(subscribe, () => refusal)
}

export function useCredential(): string | null {
  return useSyncExternalStore(subscribe, credential)
}
