// The theme: the user’s choice, else the system’s setting; stored for the next visit.
import { useSyncExternalStore } from 'react'

export type Theme = 'light' | 'dark'

const STORAGE_KEY = 'activity-theme'
const dark = matchMedia('(prefers-color-scheme: dark)')
const listeners = new Set<() => void>()

function storedTheme(): Theme | null {
  try {
    const stored = localStorage.getItem(STORAGE_KEY)
    return stored === 'light' || stored === 'dark' ? stored : null
  } catch {
    return null // storage is blocked
  }
}

function apply() {
  document.documentElement.dataset.theme = storedTheme() ?? (dark.matches ? 'dark' : 'light')
  for (const listener of listeners) listener()
}

/** Before the first paint. */
export function startTheme() {
  dark.addEventListener('change', apply)
  apply()
}

export function setTheme(theme: Theme) {
  try {
    localStorage.setItem(STORAGE_KEY, theme)
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
