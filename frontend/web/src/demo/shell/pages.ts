import type { IconName } from '../parts/icon'

export const PAGES: readonly (readonly [path: string, name: string, icon: IconName])[] = [
  ['/', 'Home', 'home'],
  ['/projects', 'Projects', 'projects'],
  ['/emails', 'Emails', 'emails'],
  ['/calendar', 'Calendar', 'calendar'],
  ['/standup', 'Standup', 'standup'],
]

export function isAt(location: string, path: string): boolean {
  return path === '/' ? location === '/' : location === path || location.startsWith(`${path}/`)
}

/** What a page is called in the events: of the many projects, each is the same page. */
export function pageOf(location: string): string {
  return location.replace(/^\/(projects|emails)\/[^/]+$/, '/$1/:id')
}
