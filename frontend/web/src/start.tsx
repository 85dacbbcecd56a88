// How each of the two pages begins: the theme before the first paint, then React.
import { type ReactNode, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { startTheme } from './theme'
import './theme.css'

// Libraries empty an element by `innerHTML = ''`. Nothing else becomes HTML, nor a script: what
// tries to is stopped by the browser (`require-trusted-types-for`, app/routers/pages.py).
interface TrustedTypes {
  createPolicy(name: string, rules: { createHTML: (text: string) => string | null }): unknown
}

function allowEmptyHtml() {
  const { trustedTypes } = window as { trustedTypes?: TrustedTypes }
  trustedTypes?.createPolicy('default', { createHTML: (text) => (text === '' ? '' : null) })
}

export function start(app: ReactNode) {
  allowEmptyHtml()
  startTheme()
  const root = document.getElementById('root')
  if (root) createRoot(root).render(<StrictMode>{app}</StrictMode>)
}
