// Who is using the hub. A real product knows it from its own sign-in.
import { useState } from 'react'

export const USERS = ['ada@example.com', 'grace@example.com', 'linus@example.com'] as const
const KEPT_AS = 'workhub-user'
const KEY_KEPT_AS = 'workhub-key'

function read(storage: () => Storage, name: string): string | null {
  try {
    return storage().getItem(name)
  } catch {
    return null // storage is blocked
  }
}

function write(storage: () => Storage, name: string, value: string) {
  try {
    storage().setItem(name, value)
  } catch {
    // It lasts as long as the page.
  }
}

export function useUser(): [string, (email: string) => void] {
  const [user, setUser] = useState(() => read(() => localStorage, KEPT_AS) ?? USERS[0])
  return [
    user,
    (email) => {
      write(() => localStorage, KEPT_AS, email)
      setUser(email)
    },
  ]
}

/** The write key, where the service has keys: it is public, and may only log. */
export const writeKey = (): string | undefined =>
  read(() => sessionStorage, KEY_KEPT_AS) ?? undefined

/** The tracker takes its key once: the page begins anew. */
export function setWriteKey(key: string) {
  write(() => sessionStorage, KEY_KEPT_AS, key)
  location.reload()
}
