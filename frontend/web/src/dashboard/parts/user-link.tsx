import { Link } from 'wouter'
import { searchOf, useView } from '../view/view'

/** Where a user's own page is: what is looked at goes along. */
export function useUserPath(): (email: string) => string {
  const [view] = useView()
  return (email) => `/users/${encodeURIComponent(email)}${searchOf(view)}`
}

export function UserLink({ email }: { email: string }) {
  return <Link href={useUserPath()(email)}>{email}</Link>
}
