// The one state of Workhub, kept in this browser below one key.
import { createContext, type Dispatch, type ReactNode, use, useEffect, useReducer } from 'react'
import { type Action, reduce } from './reducer'
import { seed } from './seed'
import type { HubState } from './types'

const KEPT_AS = 'workhub'

const Context = createContext<{ state: HubState; dispatch: Dispatch<Action> } | null>(null)

export function HubProvider({ children }: { children: ReactNode }) {
  const [state, dispatch] = useReducer(reduce, undefined, kept)
  useEffect(() => keep(state), [state])
  return <Context value={{ state, dispatch }}>{children}</Context>
}

export function useHub() {
  const hub = use(Context)
  if (!hub) throw new Error('useHub is for what lies below HubProvider.')
  return hub
}

function kept(): HubState {
  try {
    const text = localStorage.getItem(KEPT_AS)
    if (text) return JSON.parse(text)
  } catch {
    // Blocked, or written by something else: begin anew.
  }
  return seed(new Date())
}

function keep(state: HubState) {
  try {
    localStorage.setItem(KEPT_AS, JSON.stringify(state))
  } catch {
    // Blocked or full: it lasts as long as the page.
  }
}
