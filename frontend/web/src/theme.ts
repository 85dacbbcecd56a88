// The theme: what the user chose, else what their system says; kept for their next visit.
import { useSyncExternalStore } from 'react'

export type Theme = 'light' | 'dark'

const KEPT_AS = 'activity-theme'
const dark = matchMedia('(prefers-color-scheme: dark)')
const listeners = new Set<() => void>()

function chosen(): Theme | null {
  try {
    const kept = localStorage.getItem(KEPT_AS)
    return kept === 'light' || kept === 'dark' ? kept : null
  } catch {
    return null // storage is blocked
  }
}

function apply() {
  document.documentElement.dataset.theme = chosen() ?? (dark.matches ? 'dark' : 'light')
  for (const listener of listeners) listener()
}

/** Before the first paint. */
export function startTheme() {
  dark.addEventListener('change', apply)
  apply()
}

export function setTheme(theme: Theme) {
  try {
    localStorage.setItem(KEPT_AS, theme)
  } catch {
    document.documentElement.dataset.theme = theme
    for (const listener of listeners) listener()
    return
  }
  apply()
}

export function useTheme(): Theme {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => (document.documentElement.dataset.theme === 'dark' ? 'dark' : 'light'),
  )
}
