import { useActivityTracker } from '@activity-events/tracker/react'
import { useEffect } from 'react'
import { useLocation } from 'wouter'
import { PAGES, pageOf } from './pages'

/**
 * Every page view of Workhub is recorded here. It stands before the pages, so that their effects
 * (`project_opened`) come after the page view they belong to.
 */
export function PageViews() {
  const [location] = useLocation()
  const { trackPageView } = useActivityTracker()
  const page = pageOf(location)

  useEffect(() => {
    // The page may stay the same from one project to the next, and is viewed again.
    if (location) trackPageView(page)
  }, [location, page, trackPageView])

  useEffect(() => {
    const name = PAGES.find(([path]) => page.split('/')[1] === path.slice(1))?.[1]
    document.title = name ? `${name} · Workhub` : 'Workhub'
  }, [page])

  return null
}
