// The state of Workhub, stored in localStorage.
import { createContext, type Dispatch, type ReactNode, use, useEffect, useReducer } from 'react'
import { type Action, reduce } from './reducer'
import { seed } from './seed'
import type { HubState } from './types'

const STORAGE_KEY = 'workhub'

const Context = createContext<{ state: HubState; dispatch: Dispatch<Action> } | null>(null)

export function HubProvider({ children }: { children: ReactNode }) {
  const [state, dispatch] = useReducer(reduce, undefined, load)
  useEffect(() => save(state), [state])
  return <Context value={{ state, dispatch }}>{children}</Context>
}

export function useHub() {
  const hub = use(Context)
  if (!hub) throw new Error('useHub must be used within HubProvider.')
  return hub
}

function load(): HubState {
  try {
    const text = localStorage.getItem(STORAGE_KEY)
    if (text) return JSON.parse(text)
  } catch {
    // Storage is blocked or invalid: start with the demo data.
  }
  return seed(new Date())
}

function save(state: HubState) {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(state))
  } catch {
    // Storage is blocked or full: the state is lost with the page.
  }
}
