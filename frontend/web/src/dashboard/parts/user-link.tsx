import { Link } from 'wouter'
import { searchOf, useView } from '../view/view'

/** The path of a user’s page, with the current period and filters. */
export function useUserPath(): (email: string) => string {
  const [view] = useView()
  return (email) => `/users/${encodeURIComponent(email)}${searchOf(view)}`
}

export function UserLink({ email }: { email: string }) {
  return <Link href={useUserPath()(email)}>{email}</Link>
}
