// Where the hub's data lives: in this browser, between visits.
import {
  createContext,
  type Dispatch,
  type ReactNode,
  useContext,
  useEffect,
  useReducer,
} from 'react'
import { type Action, FIRST, type Hub, reduce } from './hub'

const KEPT_AS = 'workhub'
const Context = createContext<[Hub, Dispatch<Action>] | null>(null)

function kept(): Hub {
  try {
    return { ...FIRST, ...JSON.parse(localStorage.getItem(KEPT_AS) ?? '{}') }
  } catch {
    return FIRST
  }
}

export function HubProvider({ children }: { children: ReactNode }) {
  const value = useReducer(reduce, null, kept)
  const [hub] = value
  useEffect(() => {
    try {
      localStorage.setItem(KEPT_AS, JSON.stringify(hub))
    } catch {
      // Storage is blocked: it lasts as long as the page.
    }
  }, [hub])
  return <Context value={value}>{children}</Context>
}

export function useHub(): [Hub, Dispatch<Action>] {
  const value = useContext(Context)
  if (value === null) throw new Error('useHub: there is no HubProvider above')
  return value
}
