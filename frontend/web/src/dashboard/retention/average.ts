// Average retention: the share of users who are active n periods after their first.
export type Period = 'day' | 'week' | 'month'

interface Cohort {
  cohort: string
  size: number
  users: readonly (number | null)[]
}

/** Whether the nth period after a cohort’s first is complete at `end` (an ISO date or time). */
export function isComplete(cohort: string, place: number, period: Period, end: string): boolean {
  const after = new Date(`${cohort}T00:00:00Z`)
  if (period === 'month') after.setUTCMonth(after.getUTCMonth() + place + 1)
  else after.setUTCDate(after.getUTCDate() + (place + 1) * (period === 'week' ? 7 : 1))
  return after.toISOString().slice(0, 10) <= end.slice(0, 10)
}

/** Weighted by cohort size, over the cohorts with a complete period; null if there are none. */
export function averageOf(
  cohorts: readonly Cohort[],
  period: Period,
  end: string,
): (number | null)[] {
  const length = Math.max(0, ...cohorts.map((cohort) => cohort.users.length))
  return Array.from({ length }, (_, place) => {
    let [active, all] = [0, 0]
    for (const cohort of cohorts) {
      const users = cohort.users[place] ?? null
      if (users === null || !isComplete(cohort.cohort, place, period, end)) continue
      active += users
      all += cohort.size
    }
    return all ? active / all : null
  })
}
