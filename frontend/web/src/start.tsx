// The start of both pages: applies the theme before the first paint, then renders React.
import { type ReactNode, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { startTheme } from './theme'
import './theme.css'

// Libraries clear elements with `innerHTML = ''`. The browser blocks all other conversions of text
// to HTML or scripts (`require-trusted-types-for`, app/routers/pages.py).
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
