import { useActivityTracker } from '@activity-events/tracker/react'
import { useEffect } from 'react'
import { useLocation } from 'wouter'
import { PAGES, pageOf } from './pages'

/**
 * Tracks all page views of Workhub. It is rendered before the pages, so that their events
 * (`project_opened`) follow the page view.
 */
export function PageViews() {
  const [location] = useLocation()
  const { trackPageView } = useActivityTracker()
  const page = pageOf(location)

  useEffect(() => {
    // Another project is another page view, although the page name is the same.
    if (location) trackPageView(page)
  }, [location, page, trackPageView])

  useEffect(() => {
    const name = PAGES.find(([path]) => page.split('/')[1] === path.slice(1))?.[1]
    document.title = name ? `${name} · Workhub` : 'Workhub'
  }, [page])

  return null
}
