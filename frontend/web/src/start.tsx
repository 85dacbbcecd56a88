// How each of the two pages begins: the theme before the first paint, then React.
import { type ReactNode, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { startTheme } from './theme'
import './theme.css'

export function start(app: ReactNode) {
  startTheme()
  const root = document.getElementById('root')
  if (root) createRoot(root).render(<StrictMode>{app}</StrictMode>)
}
