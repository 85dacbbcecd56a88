// Who is signed in. A product asks its own sign-in; here one may choose.
import { useState } from 'react'

const KEPT_AS = 'workhub-user'

export const USERS = [
  { email: 'ada@example.com', first: 'Ada', full: 'Ada Lovelace' },
  { email: 'grace@example.com', first: 'Grace', full: 'Grace Hopper' },
  { email: 'linus@example.com', first: 'Linus', full: 'Linus Torvalds' },
] as const

export type User = (typeof USERS)[number]

export function useSignedIn(): [User, (email: string) => void] {
  const [user, setUser] = useState(() => userOf(kept()))
  return [
    user,
    (email) => {
      setUser(userOf(email))
      try {
        localStorage.setItem(KEPT_AS, email)
      } catch {
        // Until the page is closed, then.
      }
    },
  ]
}

function userOf(email: string | null): User {
  return USERS.find((user) => user.email === email) ?? USERS[0]
}

function kept(): string | null {
  try {
    return localStorage.getItem(KEPT_AS)
  } catch {
    return null // storage is blocked
  }
}
