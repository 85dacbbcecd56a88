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

/** The page’s name in the events; all projects have the same name. */
export function pageOf(location: string): string {
  return location.replace(/^\/(projects|emails)\/[^/]+$/, '/$1/:id')
}
