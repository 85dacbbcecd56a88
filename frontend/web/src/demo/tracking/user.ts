// The signed-in user. A product uses its own sign-in; the demo has a selection.
import { useState } from 'react'

const STORAGE_KEY = 'workhub-user'

export const USERS = [
  { email: 'ada@example.com', first: 'Ada', full: 'Ada Lovelace' },
  { email: 'grace@example.com', first: 'Grace', full: 'Grace Hopper' },
  { email: 'linus@example.com', first: 'Linus', full: 'Linus Torvalds' },
] as const

export type User = (typeof USERS)[number]

export function useSignedIn(): [User, (email: string) => void] {
  const [user, setUser] = useState(() => userOf(storedEmail()))
  return [
    user,
    (email) => {
      setUser(userOf(email))
      try {
        localStorage.setItem(STORAGE_KEY, email)
      } catch {
        // Storage is blocked: lost with the page.
      }
    },
  ]
}

function userOf(email: string | null): User {
  return USERS.find((user) => user.email === email) ?? USERS[0]
}

function storedEmail(): string | null {
  try {
    return localStorage.getItem(STORAGE_KEY)
  } catch {
    return null // storage is blocked
  }
}
